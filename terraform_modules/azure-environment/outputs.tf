output "url" {
  description = "The web app."
  value       = "https://${azurerm_linux_web_app.app.default_hostname}"
}

output "resource_group" {
  description = "Name of the resource group, which holds everything."
  value       = azurerm_resource_group.environment.name
}

output "web_app" {
  description = "Name of the web app, for a deploy step."
  value       = azurerm_linux_web_app.app.name
}

output "database_host" {
  description = "Host name of the PostgreSQL server; null where there is none."
  value       = one(azurerm_postgresql_flexible_server.database[*].fqdn)
}

output "database_name" {
  description = "Name of the database; null where there is none."
  value       = one(azurerm_postgresql_flexible_server_database.database[*].name)
}

output "storage_account" {
  description = "Name of the storage account; null where there is none."
  value       = one(azurerm_storage_account.storage[*].name)
}

output "storage_container" {
  description = "Name of the blob container; null where there is none."
  value       = one(azurerm_storage_container.storage[*].name)
}
