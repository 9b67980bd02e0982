mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::site"
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

run "everything_taggable_is_tagged" {
  assert {
    condition = alltrue([
      for tags in [
        aws_resourcegroups_group.environment.tags,
        aws_s3_bucket.site.tags,
        aws_dynamodb_table.data[0].tags,
      ] : tags == var.tags
    ])
    error_message = "Group, bucket and table carry all tags that were given."
  }

  assert {
    condition     = alltrue([for page in aws_s3_object.page : length(page.tags) == 5 && page.tags["environment"] == "alice"])
    error_message = "The pages carry the five tags of the environment; S3 takes ten per object at most."
  }
}

run "names_carry_the_environment" {
  assert {
    condition     = strcontains(aws_resourcegroups_group.environment.name, "alice") && output.resource_group == aws_resourcegroups_group.environment.name
    error_message = "The resource group's name carries the environment's name."
  }

  assert {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", output.bucket))
    error_message = "The bucket's name is one that S3 takes."
  }

  assert {
    condition     = can(regex("^[\\sa-zA-Z0-9_.-]*$", aws_resourcegroups_group.environment.description))
    error_message = "The group's description holds only what AWS takes."
  }
}

run "long_names_fit" {
  command = plan

  variables {
    organization = "an-organization-with-a-very-long-name-indeed"
    project      = "and-a-project-whose-name-is-no-shorter"
    environment  = "a234567890123456789012345678901z"
    tags         = {}
  }

  assert {
    condition     = length(aws_s3_bucket.site.bucket) <= 63 && strcontains(aws_s3_bucket.site.bucket, var.environment)
    error_message = "A bucket's name has 63 characters at most, and the environment's name is never cut."
  }
}

run "acme_with_shop_x" {
  command = plan

  variables {
    organization = "acme"
    project      = "shop-x"
  }
}

run "neighbours_do_not_share_a_name" {
  command = plan

  variables {
    organization = "acme-shop"
    project      = "x"
  }

  assert {
    condition     = output.bucket != run.acme_with_shop_x.bucket
    error_message = "acme-shop/x and acme/shop-x are two projects."
  }
}

run "tags_are_filled_in_by_hand_too" {
  command = plan

  variables {
    branch = "env-a#b$(c)"
    tags   = { team = "web" }
  }

  assert {
    condition = aws_s3_bucket.site.tags == tomap({
      environment  = "alice"
      project      = "shop"
      organization = "acme"
      branch       = "env-a-b--c-"
      managed-by   = "envmgr"
      team         = "web"
    })
    error_message = "The five tags are there without envmgr, and the branch holds only what AWS takes."
  }
}

run "the_site_is_public_by_policy_only" {
  assert {
    condition     = aws_s3_bucket_public_access_block.site.block_public_acls && aws_s3_bucket_public_access_block.site.ignore_public_acls && !aws_s3_bucket_public_access_block.site.block_public_policy
    error_message = "Access control lists stay closed, the policy is let through."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.public_read[0].policy).Statement[0].Action == "s3:GetObject"
    error_message = "Anybody may read files, and nothing else."
  }
}

run "allowed_cidrs_narrow_the_policy" {
  variables {
    allowed_cidrs = ["203.0.113.0/24", "2001:db8::/32"]
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.public_read[0].policy).Statement[0].Condition.IpAddress["aws:SourceIp"] == ["203.0.113.0/24", "2001:db8::/32"]
    error_message = "Only these ranges may read."
  }
}

run "a_private_site_is_closed_all_round" {
  command = plan

  variables {
    public = false
  }

  assert {
    condition     = length(aws_s3_bucket_policy.public_read) == 0 && aws_s3_bucket_public_access_block.site.block_public_policy && aws_s3_bucket_public_access_block.site.restrict_public_buckets
    error_message = "Without public there is no policy and every block is on."
  }
}

run "optional_parts_can_be_left_out" {
  command = plan

  variables {
    table       = false
    placeholder = false
  }

  assert {
    condition     = length(aws_dynamodb_table.data) == 0 && length(aws_s3_object.page) == 0 && output.table == null
    error_message = "No table, no pages."
  }
}

run "the_page_is_escaped" {
  command = plan

  variables {
    message = "<script>alert('&')</script>"
  }

  assert {
    condition     = strcontains(aws_s3_object.page["index.html"].content, "&lt;script&gt;alert('&amp;')")
    error_message = "A message is text, never markup."
  }
}

run "an_environment_is_destroyable" {
  command = plan

  assert {
    condition     = aws_s3_bucket.site.force_destroy
    error_message = "By default destroy empties the bucket first."
  }
}

run "refuses_bad_values" {
  command = plan

  variables {
    environment   = "Alice"
    project       = "a/b"
    organization  = ""
    region        = "Ireland"
    allowed_cidrs = ["203.0.113.7"]
    tags          = { note = "a#b" }
  }

  expect_failures = [var.environment, var.project, var.organization, var.region, var.allowed_cidrs, var.tags]
}
