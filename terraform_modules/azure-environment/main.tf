locals {
  # App, database server and storage account share one namespace with the whole world: the hash keeps acme-shop/x and acme/shop-x apart.
  digest = sha256(jsonencode(concat([var.organization, var.project, var.environment], compact([var.application]))))
  owner  = trim(substr("${var.organization}-${var.project}", 0, 48 - length(var.environment)), "-")
  name   = "${local.owner}-${var.environment}-${substr(local.digest, 0, 6)}"

  # A storage account has 3 to 24 letters and digits.
  storage_name = "st${substr(replace("${var.environment}${local.owner}", "-", ""), 0, 12)}${substr(local.digest, 0, 10)}"

  tags = merge({
    environment  = var.environment
    project      = var.project
    organization = var.organization
    branch       = substr(replace(var.branch, "/[^\\p{L}\\p{N} _.:\\/=+@-]/", "-"), 0, 256)
    managed-by   = "envmgr"
  }, var.tags)

  free_plan = contains(["F1", "D1"], var.plan_sku)

  default_versions = { docker = null, dotnet = "9.0", java = "21", node = "22-lts", python = "3.12" }
  runtime_version  = var.runtime_version == null ? local.default_versions[var.runtime] : var.runtime_version

  # Each environment has a password of its own, made from the one secret: knowing one tells nothing about the others.
  # Aa1- satisfies Azure's rule of three kinds of characters whatever the digest is.
  database_password = var.database ? "Aa1-${sha256("${var.database_secret}/${local.digest}")}" : null

  database_settings = var.database ? {
    DATABASE_HOST     = azurerm_postgresql_flexible_server.database[0].fqdn
    DATABASE_NAME     = azurerm_postgresql_flexible_server_database.database[0].name
    DATABASE_USERNAME = azurerm_postgresql_flexible_server.database[0].administrator_login
    DATABASE_PASSWORD = local.database_password
    DATABASE_URL      = "postgresql://${azurerm_postgresql_flexible_server.database[0].fqdn}:5432/${azurerm_postgresql_flexible_server_database.database[0].name}?sslmode=require"
  } : {}

  storage_settings = var.storage ? {
    AZURE_STORAGE_ACCOUNT_NAME   = azurerm_storage_account.storage[0].name
    AZURE_STORAGE_BLOB_ENDPOINT  = azurerm_storage_account.storage[0].primary_blob_endpoint
    AZURE_STORAGE_CONTAINER_NAME = azurerm_storage_container.storage[0].name
  } : {}

  port_settings = var.port == null ? {} : { PORT = tostring(var.port), WEBSITES_PORT = tostring(var.port) }
}

resource "azurerm_resource_group" "environment" {
  name     = "rg-${local.name}"
  location = var.location
  tags     = local.tags
}

resource "azurerm_service_plan" "plan" {
  name                = "plan-${local.name}"
  resource_group_name = azurerm_resource_group.environment.name
  location            = azurerm_resource_group.environment.location
  os_type             = "Linux"
  sku_name            = var.plan_sku
  tags                = local.tags
}

resource "azurerm_linux_web_app" "app" {
  name                = "app-${local.name}"
  resource_group_name = azurerm_resource_group.environment.name
  location            = azurerm_resource_group.environment.location
  service_plan_id     = azurerm_service_plan.plan.id
  https_only          = true
  tags                = local.tags

  # Deploys sign in with Entra ID; there is no publishing password to lose.
  ftp_publish_basic_authentication_enabled       = false
  webdeploy_publish_basic_authentication_enabled = false

  app_settings = merge(
    { ENVIRONMENT = var.environment },
    local.port_settings,
    local.database_settings,
    local.storage_settings,
    var.app_settings,
  )

  identity {
    type = "SystemAssigned"
  }

  site_config {
    always_on                               = !local.free_plan
    use_32_bit_worker                       = local.free_plan
    app_command_line                        = var.startup_command
    container_registry_use_managed_identity = var.docker_registry_managed_identity
    ftps_state                              = "Disabled"
    health_check_path                       = var.health_check_path
    health_check_eviction_time_in_min       = var.health_check_path == null ? null : 2
    http2_enabled                           = true
    minimum_tls_version                     = "1.2"
    scm_minimum_tls_version                 = "1.2"

    application_stack {
      docker_image_name        = var.runtime == "docker" ? var.docker_image : null
      docker_registry_url      = var.runtime == "docker" ? var.docker_registry_url : null
      docker_registry_username = var.runtime == "docker" ? var.docker_registry_username : null
      docker_registry_password = var.runtime == "docker" ? var.docker_registry_password : null
      dotnet_version           = var.runtime == "dotnet" ? local.runtime_version : null
      java_server              = var.runtime == "java" ? "JAVA" : null
      java_server_version      = var.runtime == "java" ? local.runtime_version : null
      java_version             = var.runtime == "java" ? local.runtime_version : null
      node_version             = var.runtime == "node" ? local.runtime_version : null
      python_version           = var.runtime == "python" ? local.runtime_version : null
    }
  }

  lifecycle {
    # A deploy step's upload sets this one; taking it away again would take the application away.
    ignore_changes = [app_settings["WEBSITE_RUN_FROM_PACKAGE"]]
  }
}

resource "azurerm_postgresql_flexible_server" "database" {
  count = var.database ? 1 : 0

  name                   = "psql-${local.name}"
  resource_group_name    = azurerm_resource_group.environment.name
  location               = azurerm_resource_group.environment.location
  version                = var.database_version
  sku_name               = var.database_sku
  storage_mb             = var.database_storage_mb
  administrator_login    = "envmgr"
  administrator_password = local.database_password
  backup_retention_days  = 7
  tags                   = local.tags

  lifecycle {
    # Azure chooses the zone, and may choose again.
    ignore_changes = [zone]
  }
}

resource "azurerm_postgresql_flexible_server_database" "database" {
  count = var.database ? 1 : 0

  name      = var.database_name
  server_id = azurerm_postgresql_flexible_server.database[0].id
}

# 0.0.0.0 is Azure's sign for "services within Azure": the web app has no address of its own that could be named.
resource "azurerm_postgresql_flexible_server_firewall_rule" "azure_services" {
  count = var.database ? 1 : 0

  name             = "azure-services"
  server_id        = azurerm_postgresql_flexible_server.database[0].id
  start_ip_address = "0.0.0.0"
  end_ip_address   = "0.0.0.0"
}

resource "azurerm_storage_account" "storage" {
  count = var.storage ? 1 : 0

  name                            = local.storage_name
  resource_group_name             = azurerm_resource_group.environment.name
  location                        = azurerm_resource_group.environment.location
  account_tier                    = "Standard"
  account_replication_type        = var.storage_replication
  allow_nested_items_to_be_public = false
  default_to_oauth_authentication = true
  https_traffic_only_enabled      = true
  local_user_enabled              = false
  min_tls_version                 = "TLS1_2"
  shared_access_key_enabled       = false
  tags                            = local.tags
}

resource "azurerm_storage_container" "storage" {
  count = var.storage ? 1 : 0

  name                  = var.storage_container
  storage_account_id    = azurerm_storage_account.storage[0].id
  container_access_type = "private"
}

# The app reads and writes as its own identity; there is no key that could leak.
resource "azurerm_role_assignment" "app_storage" {
  count = var.storage ? 1 : 0

  scope                = azurerm_storage_account.storage[0].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_linux_web_app.app.identity[0].principal_id
  principal_type       = "ServicePrincipal"
}
