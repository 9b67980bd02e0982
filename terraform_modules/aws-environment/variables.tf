variable "environment" {
  type        = string
  description = "Name of the environment, a slug. The resource group carries it in its name."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.environment))
    error_message = "environment must start with a lower-case letter and hold only a-z, 0-9 and '-', at most 32 characters: alice, feature-42."
  }
}

variable "project" {
  type        = string
  description = "Name of the repository."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{1,100}$", var.project))
    error_message = "project must hold only a-z, 0-9 and '-', at most 100 characters: shop, web-shop."
  }
}

variable "organization" {
  type        = string
  description = "Name of the organization."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{1,100}$", var.organization))
    error_message = "organization must hold only a-z, 0-9 and '-', at most 100 characters: acme."
  }
}

variable "application" {
  type        = string
  description = "Name of the application, where the repository lists several. It keeps the names of several applications apart."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,31})?$", var.application))
    error_message = "application must start with a lower-case letter and hold only a-z, 0-9 and '-', at most 32 characters: api."
  }
}

variable "branch" {
  type        = string
  description = "The git branch, any name. It is a tag only."
  nullable    = false

  validation {
    condition     = length(var.branch) > 0 && length(var.branch) <= 1024
    error_message = "branch must be the name of a git branch, 1 to 1024 characters: env-alice."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags for every resource. environment, project, organization, branch and managed-by are filled in where they are missing."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[\\p{L}\\p{N} _.:/=+@-]{1,128}$", key)) && can(regex("^[\\p{L}\\p{N} _.:/=+@-]{0,256}$", value))])
    error_message = "tags may hold only letters, digits, spaces and _ . : / = + - @ ; at most 128 characters in a key and 256 in a value."
  }
}

variable "region" {
  type        = string
  description = "AWS region. Without one, the provider takes AWS_REGION."
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region must be the code of an AWS region: eu-west-1."
  }
}

variable "public" {
  type        = bool
  description = "Whether anybody may read the site. Without it the bucket is closed and url answers 403."
  default     = true
  nullable    = false
}

variable "allowed_cidrs" {
  type        = list(string)
  description = "Address ranges that may read the site, where it is public. Empty: everybody."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for range in var.allowed_cidrs : can(cidrhost(range, 0))])
    error_message = "allowed_cidrs must be address ranges in CIDR notation: [\"203.0.113.0/24\"]."
  }
}

variable "placeholder" {
  type        = bool
  description = "Whether to put an index.html and an error.html there. Switch it off where a deploy step uploads these two itself."
  default     = true
  nullable    = false
}

variable "message" {
  type        = string
  description = "Text on the placeholder page."
  default     = "This environment is up."
  nullable    = false
}

variable "table" {
  type        = bool
  description = "Whether to make a DynamoDB table."
  default     = true
  nullable    = false
}

variable "table_hash_key" {
  type        = string
  description = "Name of the table's partition key, a string attribute."
  default     = "id"
  nullable    = false

  validation {
    condition     = length(var.table_hash_key) >= 1 && length(var.table_hash_key) <= 255
    error_message = "table_hash_key must be 1 to 255 characters: id."
  }
}

variable "force_destroy" {
  type        = bool
  description = "Whether destroy empties the bucket first. Without it, destroying a bucket that holds files fails."
  default     = true
  nullable    = false
}
