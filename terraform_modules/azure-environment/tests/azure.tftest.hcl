mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"
    }
  }

  mock_resource "azurerm_service_plan" {
    defaults = {
      id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Web/serverFarms/plan"
    }
  }

  mock_resource "azurerm_linux_web_app" {
    defaults = {
      default_hostname = "app.example.net"
      identity = {
        principal_id = "11111111-1111-1111-1111-111111111111"
      }
    }
  }

  mock_resource "azurerm_postgresql_flexible_server" {
    defaults = {
      id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
      fqdn = "psql.example.net"
    }
  }

  mock_resource "azurerm_storage_account" {
    defaults = {
      id                    = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st"
      primary_blob_endpoint = "https://st.example.net/"
    }
  }
}

variables {
  environment  = "alice"
  project      = "shop"
  organization = "acme"
  branch       = "env-alice"
  tags = {
    environment  = "alice"
    project      = "shop"
    organization = "acme"
    branch       = "env-alice"
    managed-by   = "envmgr"
    team         = "web"
  }
}

run "a_web_app_and_nothing_else_by_default" {
  assert {
    condition     = output.url == "https://app.example.net"
    error_message = "url is the web app, over https."
  }

  assert {
    condition     = azurerm_linux_web_app.app.https_only && azurerm_linux_web_app.app.site_config[0].minimum_tls_version == "1.2" && azurerm_linux_web_app.app.identity[0].type == "SystemAssigned"
    error_message = "The app speaks https only, by TLS 1.2 at least, and has an identity of its own."
  }

  assert {
    condition     = output.database_host == null && output.database_name == null && output.storage_account == null && output.storage_container == null
    error_message = "Database and storage account are made on demand only."
  }

  assert {
    condition     = azurerm_linux_web_app.app.site_config[0].application_stack[0].node_version == "22-lts"
    error_message = "node is the default runtime."
  }
}

run "everything_taggable_is_tagged" {
  variables {
    database        = true
    database_secret = "0123456789abcdef0123456789abcdef"
    storage         = true
  }

  assert {
    condition = alltrue([
      for tags in [
        azurerm_resource_group.environment.tags,
        azurerm_service_plan.plan.tags,
        azurerm_linux_web_app.app.tags,
        azurerm_postgresql_flexible_server.database[0].tags,
        azurerm_storage_account.storage[0].tags,
      ] : tags == var.tags
    ])
    error_message = "Every taggable resource carries all tags that were given."
  }

  assert {
    condition     = strcontains(output.resource_group, "alice")
    error_message = "The resource group's name carries the environment's name."
  }

  assert {
    condition     = azurerm_linux_web_app.app.app_settings["DATABASE_HOST"] == "psql.example.net" && azurerm_linux_web_app.app.app_settings["DATABASE_PASSWORD"] == azurerm_postgresql_flexible_server.database[0].administrator_password
    error_message = "The app knows how to reach the database."
  }

  assert {
    condition     = azurerm_linux_web_app.app.app_settings["AZURE_STORAGE_BLOB_ENDPOINT"] == "https://st.example.net/" && azurerm_role_assignment.app_storage[0].principal_id == "11111111-1111-1111-1111-111111111111"
    error_message = "The app knows where the storage account is, and may use it as itself."
  }

  assert {
    condition     = !azurerm_storage_account.storage[0].shared_access_key_enabled
    error_message = "The storage account has no keys."
  }
}

run "another_environment_has_another_password" {
  variables {
    environment     = "bob"
    database        = true
    database_secret = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = azurerm_postgresql_flexible_server.database[0].administrator_password != "Aa1-${sha256("0123456789abcdef0123456789abcdef/${sha256(jsonencode(["acme", "shop", "alice"]))}")}"
    error_message = "A password is of use in one environment only."
  }

  assert {
    condition     = !strcontains(azurerm_postgresql_flexible_server.database[0].administrator_password, "0123456789abcdef0123456789abcdef")
    error_message = "The secret itself is never the password."
  }
}

run "long_names_fit" {
  command = plan

  variables {
    organization = "an-organization-with-a-very-long-name-indeed"
    project      = "and-a-project-whose-name-is-no-shorter"
    environment  = "a234567890123456789012345678901z"
    storage      = true
  }

  assert {
    condition     = length(azurerm_linux_web_app.app.name) <= 60 && strcontains(azurerm_resource_group.environment.name, var.environment)
    error_message = "A web app's name has 60 characters at most, and the environment's name is never cut."
  }

  assert {
    condition     = can(regex("^[a-z0-9]{3,24}$", azurerm_storage_account.storage[0].name))
    error_message = "A storage account's name has 3 to 24 of a-z and 0-9."
  }
}

run "docker" {
  command = plan

  variables {
    runtime             = "docker"
    docker_image        = "shop/web:1.4"
    docker_registry_url = "https://acme.azurecr.io"
    port                = 8080
  }

  assert {
    condition     = azurerm_linux_web_app.app.site_config[0].application_stack[0].docker_image_name == "shop/web:1.4" && azurerm_linux_web_app.app.site_config[0].application_stack[0].node_version == null
    error_message = "The image runs, and no other runtime."
  }

  assert {
    condition     = azurerm_linux_web_app.app.app_settings["WEBSITES_PORT"] == "8080"
    error_message = "App Service knows the container's port."
  }
}

run "java" {
  command = plan

  variables {
    runtime         = "java"
    runtime_version = "17"
  }

  assert {
    condition     = azurerm_linux_web_app.app.site_config[0].application_stack[0].java_server == "JAVA" && azurerm_linux_web_app.app.site_config[0].application_stack[0].java_server_version == "17" && azurerm_linux_web_app.app.site_config[0].application_stack[0].java_version == "17"
    error_message = "Java needs server, server version and version."
  }
}

run "python" {
  command = plan

  variables {
    runtime = "python"
  }

  assert {
    condition     = azurerm_linux_web_app.app.site_config[0].application_stack[0].python_version == "3.12"
    error_message = "python has a default version."
  }
}

run "dotnet_on_the_free_plan" {
  command = plan

  variables {
    runtime  = "dotnet"
    plan_sku = "F1"
  }

  assert {
    condition     = azurerm_linux_web_app.app.site_config[0].application_stack[0].dotnet_version == "9.0" && !azurerm_linux_web_app.app.site_config[0].always_on
    error_message = "The free plan can't keep an app awake."
  }
}

run "refuses_bad_values" {
  command = plan

  variables {
    environment         = "Alice"
    location            = "West Europe"
    plan_sku            = "Y1"
    runtime_version     = "latest"
    port                = 0
    docker_image        = "shop/web:1.4"
    docker_registry_url = "acme.azurecr.io"
    health_check_path   = "health"
    database            = true
    database_secret     = "short"
    database_name       = "postgres"
    storage_container   = "a--b"
    storage_replication = "lrs"
    tags                = { "a/b" = "c" }
  }

  expect_failures = [
    var.environment, var.location, var.plan_sku, var.runtime_version, var.port, var.docker_image, var.docker_registry_url,
    var.health_check_path, var.database_secret, var.database_name, var.storage_container, var.storage_replication, var.tags,
  ]
}

run "a_database_needs_a_secret" {
  command = plan

  variables {
    database = true
  }

  expect_failures = [var.database_secret]
}

run "docker_needs_an_image_and_a_registry" {
  command = plan

  variables {
    runtime = "docker"
  }

  expect_failures = [var.docker_image, var.docker_registry_url]
}
