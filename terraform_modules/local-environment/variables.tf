variable "environment" {
  type        = string
  description = "Name of the environment, a slug. It is the last folder of the path."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.environment))
    error_message = "environment must start with a lower-case letter and hold only a-z, 0-9 and '-', at most 32 characters: alice, feature-42."
  }
}

variable "project" {
  type        = string
  description = "Name of the repository. It is the second folder of the path."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{1,100}$", var.project))
    error_message = "project must hold only a-z, 0-9 and '-', at most 100 characters: shop, web-shop."
  }
}

variable "organization" {
  type        = string
  description = "Name of the organization. It is the first folder of the path."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{1,100}$", var.organization))
    error_message = "organization must hold only a-z, 0-9 and '-', at most 100 characters: acme."
  }
}

variable "application" {
  type        = string
  description = "Name of the application, where the repository lists several. It keeps the folders of several applications apart."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,31})?$", var.application))
    error_message = "application must start with a lower-case letter and hold only a-z, 0-9 and '-', at most 32 characters: api."
  }
}

variable "branch" {
  type        = string
  description = "The git branch, any name. It is shown on the page, and used neither in a path nor in a command."
  nullable    = false

  validation {
    condition     = length(var.branch) > 0 && length(var.branch) <= 1024
    error_message = "branch must be the name of a git branch, 1 to 1024 characters: env-alice."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags for the mark file. environment, project, organization, branch and managed-by are filled in where they are missing."
  default     = {}
  nullable    = false

  validation {
    condition     = length(jsonencode(var.tags)) <= 16384
    error_message = "tags must be at most 16384 characters as JSON."
  }
}

variable "root" {
  type        = string
  description = "Folder that holds the local environments: an absolute path, or one that starts with ~/."
  default     = "~/.local/share/envmgr/local-environments"
  nullable    = false

  validation {
    condition     = can(regex("^(~?/)[^[:cntrl:]]+$", var.root)) && !contains(split("/", var.root), "..")
    error_message = "root must be an absolute path, or start with ~/, without '..' and control characters: /srv/envmgr/local-environments."
  }
}

variable "message" {
  type        = string
  description = "Text on the page."
  default     = "This environment is up."
  nullable    = false

  validation {
    condition     = length(var.message) <= 4000
    error_message = "message must be at most 4000 characters."
  }
}

variable "color" {
  type        = string
  description = "Colour of the page's band: a CSS colour name or #rrggbb."
  default     = "#2563eb"
  nullable    = false

  validation {
    condition     = can(regex("^(#[0-9A-Fa-f]{3}|#[0-9A-Fa-f]{6}|[a-z]{3,20})$", var.color))
    error_message = "color must be a CSS colour name in lower case or #rgb or #rrggbb: teal, #2563eb."
  }
}

variable "port" {
  type        = number
  description = "Port of 127.0.0.1 at which the application of the branch answers, once a deploy step has started it. Null: there is none, and the page is the url."
  default     = null

  validation {
    condition     = var.port == null ? true : var.port == floor(var.port) && var.port >= 1 && var.port <= 65535
    error_message = "port must be a whole number from 1 to 65535: 8080."
  }
}
