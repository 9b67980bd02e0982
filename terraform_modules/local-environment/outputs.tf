output "url" {
  description = "The page, as a file:// URL."
  value       = local.url
}

output "directory" {
  description = "The folder of this environment."
  value       = local.directory
}
