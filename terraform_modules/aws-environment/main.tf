locals {
  # Buckets share one namespace with the whole world: the hash keeps acme-shop/x and acme/shop-x apart.
  hash  = substr(sha256(jsonencode(concat([var.organization, var.project, var.environment], compact([var.application])))), 0, 6)
  owner = trim(substr("${var.organization}-${var.project}", 0, 48 - length(var.environment)), "-")
  name  = "${local.owner}-${var.environment}-${local.hash}"

  standard_tags = {
    environment  = var.environment
    project      = var.project
    organization = var.organization
    branch       = substr(replace(var.branch, "/[^\\p{L}\\p{N} _.:\\/=+@-]/", "-"), 0, 256)
    managed-by   = "envmgr"
  }
  tags = merge(local.standard_tags, var.tags)

  # An S3 object takes ten tags at most, however many the other resources carry.
  object_tags = { for key in keys(local.standard_tags) : key => local.tags[key] }

  message = replace(replace(replace(var.message, "&", "&amp;"), "<", "&lt;"), ">", "&gt;")
  pages = var.placeholder ? {
    "index.html" = { title = var.environment, text = local.message }
    "error.html" = { title = "Not found", text = "There is no such page in ${var.environment}." }
  } : {}
}

resource "aws_resourcegroups_group" "environment" {
  name        = "rg-${local.name}"
  description = "Environment ${var.environment} of ${var.organization} ${var.project}"
  tags        = local.tags

  resource_query {
    query = jsonencode({
      ResourceTypeFilters = ["AWS::AllSupported"]
      TagFilters = [
        for key in ["organization", "project", "environment"] : { Key = key, Values = [local.tags[key]] }
      ]
    })
  }
}

resource "aws_s3_bucket" "site" {
  bucket        = "site-${local.name}"
  force_destroy = var.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_website_configuration" "site" {
  bucket = aws_s3_bucket.site.id

  index_document {
    suffix = "index.html"
  }

  error_document {
    key = "error.html"
  }
}

# Access control lists stay closed in any case; what opens the site is the policy below, and nothing else.
resource "aws_s3_bucket_public_access_block" "site" {
  bucket                  = aws_s3_bucket.site.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = !var.public
  restrict_public_buckets = !var.public
}

resource "aws_s3_bucket_policy" "public_read" {
  count  = var.public ? 1 : 0
  bucket = aws_s3_bucket.site.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge({
      Sid       = "PublicRead"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.site.arn}/*"
    }, length(var.allowed_cidrs) == 0 ? {} : { Condition = { IpAddress = { "aws:SourceIp" = var.allowed_cidrs } } })]
  })

  depends_on = [aws_s3_bucket_public_access_block.site]
}

resource "aws_s3_object" "page" {
  for_each = local.pages

  bucket        = aws_s3_bucket.site.id
  key           = each.key
  content       = templatefile("${path.module}/page.html.tftpl", each.value)
  content_type  = "text/html; charset=utf-8"
  cache_control = "no-cache"
  tags          = local.object_tags
}

resource "aws_dynamodb_table" "data" {
  count = var.table ? 1 : 0

  name         = local.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = var.table_hash_key
  tags         = local.tags

  attribute {
    name = var.table_hash_key
    type = "S"
  }
}
