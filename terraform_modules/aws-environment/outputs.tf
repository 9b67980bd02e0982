output "url" {
  description = "The site. S3 serves websites over http only."
  value       = "http://${aws_s3_bucket_website_configuration.site.website_endpoint}"
}

output "bucket" {
  description = "Name of the bucket that holds the site."
  value       = aws_s3_bucket.site.bucket
}

output "table" {
  description = "Name of the DynamoDB table; null where there is none."
  value       = one(aws_dynamodb_table.data[*].name)
}

output "resource_group" {
  description = "Name of the resource group, which lists everything with this environment's tags."
  value       = aws_resourcegroups_group.environment.name
}
