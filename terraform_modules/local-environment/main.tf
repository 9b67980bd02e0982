locals {
  # A trailing slash or a doubled one in root would make two spellings of one folder.
  root      = "/${join("/", compact(split("/", pathexpand(var.root))))}"
  own       = join("+", compact([var.environment, var.application]))
  directory = "${local.root}/${var.organization}/${var.project}/${local.own}"
  page_file = "file://${replace(replace(urlencode(local.directory), "%2F", "/"), "+", "%20")}/index.html"
  url       = var.port == null ? local.page_file : "http://127.0.0.1:${var.port}/"

  tags = merge({
    environment  = var.environment
    project      = var.project
    organization = var.organization
    branch       = var.branch
    managed-by   = "envmgr"
  }, var.tags)

  escaped = {
    for name, text in { environment = var.environment, project = var.project, organization = var.organization, branch = var.branch, message = var.message } :
    name => replace(replace(replace(replace(replace(text, "&", "&amp;"), "<", "&lt;"), ">", "&gt;"), "\"", "&quot;"), "'", "&#39;")
  }

  page = templatefile("${path.module}/page.html.tftpl", merge(local.escaped, { color = var.color }))
  mark = "${jsonencode({ tags = local.tags })}\n"

  wanted = {
    "index.html"  = sha256(local.page)
    "envmgr.json" = sha256(local.mark)
  }
  on_disk = { for name, hash in local.wanted : name => try(filesha256("${local.directory}/${name}"), "absent") }

  # timestamp() is unknown while Terraform plans. An empty piece of it makes files that were altered or deleted behind
  # Terraform's back show up as a replacement, and yet leaves nothing in state that differs at the next plan.
  rewrite = local.on_disk == local.wanted ? "" : substr(timestamp(), 0, 0)
}

# In state before the folder exists, so whatever interrupts an apply, destroy still removes the folder.
resource "terraform_data" "directory" {
  input            = local.directory
  triggers_replace = local.directory

  provisioner "local-exec" {
    when = destroy
    # In a cage the folder is a mount: it is emptied, and envmgr takes it away itself.
    command     = "if mountpoint -q -- \"$DIRECTORY\"; then find \"$DIRECTORY\" -mindepth 1 -delete; else rm -rf -- \"$DIRECTORY\"; fi"
    environment = { DIRECTORY = self.triggers_replace }
    quiet       = true
  }
}

resource "terraform_data" "files" {
  triggers_replace = {
    directory = terraform_data.directory.output
    page      = "${local.wanted["index.html"]}${local.rewrite}"
    mark      = "${local.wanted["envmgr.json"]}${local.rewrite}"
  }

  provisioner "local-exec" {
    command = <<-EOT
      set -eu
      [ -d "$DIRECTORY" ] || mkdir -p -- "$DIRECTORY"
      printf '%s' "$MARK" >"$DIRECTORY/envmgr.json"
      printf '%s' "$PAGE" >"$DIRECTORY/index.html"
    EOT
    environment = {
      DIRECTORY = local.directory
      MARK      = local.mark
      PAGE      = local.page
    }
    quiet = true
  }
}
