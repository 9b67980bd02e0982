output "url" {
  description = "Where the application answers on this machine; without a port the page, as a file:// URL."
  value       = local.url
}

output "directory" {
  description = "The folder of this environment."
  value       = local.directory
}
