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
    condition     = length(var.tags) <= 45 && alltrue([for key, value in var.tags : can(regex("^[^<>%&\\\\?/[:cntrl:]]{1,512}$", key)) && length(value) <= 256])
    error_message = "tags may be 45 at most; a key has at most 512 characters without < > % & \\ ? / and a value at most 256."
  }
}

variable "location" {
  type        = string
  description = "Azure region, by its short name."
  default     = "westeurope"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{3,40}$", var.location))
    error_message = "location must be the short name of an Azure region: westeurope."
  }
}

variable "plan_sku" {
  type        = string
  description = "Size of the service plan: F1 is free and sleeps, B1 is the smallest that stays awake."
  default     = "B1"
  nullable    = false

  validation {
    condition     = can(regex("^(F1|D1|B[1-3]|S[1-3]|P[0-9][A-Za-z0-9]*)$", var.plan_sku))
    error_message = "plan_sku must be the name of a Linux service plan's size: F1, B1, S1, P0v3."
  }
}

variable "runtime" {
  type        = string
  description = "What runs the application: node, java, python, dotnet or docker."
  default     = "node"
  nullable    = false

  validation {
    condition     = contains(["docker", "dotnet", "java", "node", "python"], var.runtime)
    error_message = "runtime must be one of docker, dotnet, java, node, python."
  }
}

variable "runtime_version" {
  type        = string
  description = "Version of the runtime. Without one: node 22-lts, java 21, python 3.12, dotnet 9.0. Has no meaning for docker."
  default     = null

  validation {
    condition     = var.runtime_version == null || can(regex("^[0-9]+(\\.[0-9]+)?(-lts)?$", var.runtime_version))
    error_message = "runtime_version must be as App Service names it: 22-lts for node, 21 for java, 3.12 for python, 9.0 for dotnet."
  }
}

variable "startup_command" {
  type        = string
  description = "Command that starts the application, where App Service does not find it by itself."
  default     = null
}

variable "port" {
  type        = number
  description = "Port that the application listens on, where App Service does not find it by itself."
  default     = null

  validation {
    condition     = var.port == null ? true : var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port must be a whole number from 1 to 65535: 8080."
  }
}

variable "docker_image" {
  type        = string
  description = "Image and tag, without the registry; needed with runtime docker."
  default     = null

  validation {
    condition     = (var.runtime == "docker") == (var.docker_image != null)
    error_message = "docker_image goes with runtime docker, and only with it: shop/web:1.4."
  }
}

variable "docker_registry_url" {
  type        = string
  description = "Registry that holds the image; needed with runtime docker."
  default     = null

  validation {
    condition     = var.docker_registry_url == null ? var.runtime != "docker" : can(regex("^https://[^/[:space:]]+$", var.docker_registry_url))
    error_message = "docker_registry_url goes with runtime docker, and is https:// with a host name: https://acme.azurecr.io."
  }
}

variable "docker_registry_username" {
  type        = string
  description = "User of the registry, where it wants one."
  default     = null
}

variable "docker_registry_password" {
  type        = string
  description = "Password of the registry. Give it as TF_VAR_docker_registry_password among the organization's environment_variables."
  default     = null
  sensitive   = true
}

variable "docker_registry_managed_identity" {
  type        = bool
  description = "Whether the app signs in to an Azure container registry as itself; it then needs the role AcrPull there."
  default     = false
  nullable    = false
}

variable "app_settings" {
  type        = map(string)
  description = "Further app settings: the application's environment variables. They win over the module's own."
  default     = {}
  nullable    = false
}

variable "health_check_path" {
  type        = string
  description = "Path that App Service asks for to tell whether the application is well."
  default     = null

  validation {
    condition     = var.health_check_path == null || can(regex("^/", var.health_check_path))
    error_message = "health_check_path must start with a slash: /health."
  }
}

variable "database" {
  type        = bool
  description = "Whether to make a PostgreSQL flexible server with a database."
  default     = false
  nullable    = false
}

variable "database_secret" {
  type        = string
  description = "The organization's secret that every environment's database password is made from. Give it as TF_VAR_database_secret among the organization's environment_variables."
  default     = null
  sensitive   = true

  validation {
    condition     = var.database_secret == null ? !var.database : length(var.database_secret) >= 32
    error_message = "database_secret must be at least 32 random characters where database is true; `openssl rand -hex 32` makes one."
  }
}

variable "database_name" {
  type        = string
  description = "Name of the database."
  default     = "app"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name)) && !contains(["postgres", "azure_maintenance", "azure_sys"], var.database_name)
    error_message = "database_name must start with a-z and hold only a-z, 0-9 and '_', at most 63 characters, and be none of PostgreSQL's or Azure's own: app."
  }
}

variable "database_version" {
  type        = string
  description = "Major version of PostgreSQL."
  default     = "16"
  nullable    = false

  validation {
    condition     = can(regex("^1[1-9]$", var.database_version))
    error_message = "database_version must be a major version of PostgreSQL: 16."
  }
}

variable "database_sku" {
  type        = string
  description = "Size of the database server."
  default     = "B_Standard_B1ms"
  nullable    = false

  validation {
    condition     = can(regex("^(B|GP|MO)_Standard_[A-Za-z0-9_]+$", var.database_sku))
    error_message = "database_sku must be tier and size of a flexible server: B_Standard_B1ms, GP_Standard_D2s_v3."
  }
}

variable "database_storage_mb" {
  type        = number
  description = "Space of the database server in MB. It can grow later, never shrink."
  default     = 32768
  nullable    = false

  validation {
    condition     = contains([32768, 65536, 131072, 262144, 524288, 1048576], var.database_storage_mb)
    error_message = "database_storage_mb must be one of 32768, 65536, 131072, 262144, 524288, 1048576."
  }
}

variable "storage" {
  type        = bool
  description = "Whether to make a storage account with a container that the app may read and write."
  default     = false
  nullable    = false
}

variable "storage_container" {
  type        = string
  description = "Name of the blob container."
  default     = "data"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", var.storage_container))
    error_message = "storage_container must have 3 to 63 of a-z, 0-9 and single '-', and start and end with a letter or digit: data."
  }
}

variable "storage_replication" {
  type        = string
  description = "How the storage account is replicated. LRS is the cheapest."
  default     = "LRS"
  nullable    = false

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS"], var.storage_replication)
    error_message = "storage_replication must be one of LRS, ZRS, GRS, RAGRS, GZRS, RAGZRS."
  }
}
