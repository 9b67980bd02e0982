"""Terraform code whose resources are files, so that each one that exists is seen whoever knows of it."""

_CODE = """
variable "folder" { type = string }
resource "terraform_data" "it" {
  for_each         = { stays = 0, replaced = VERSION, onlyVERSION = 0 }
  input            = var.folder
  triggers_replace = each.value
  provisioner "local-exec" {
    working_dir = self.input
    command     = "touch existing/${each.key}.${self.id}; echo made ${each.key}.${self.id} >>history; sleep 0.1"
  }
  provisioner "local-exec" {
    when        = destroy
    working_dir = self.input
    command     = "sleep 0.1; rm -f existing/${each.key}.${self.id}; echo ended ${each.key}.${self.id} >>history"
  }
}
output "url" { value = "http://chaos.example.com" }
output "ids" { value = { for name, resource in terraform_data.it : name => resource.id } }
"""


def module(version: int) -> str:
    """A `main.tf`: from one version to the next a resource stays, one is replaced, one goes and one comes."""
    return _CODE.replace("VERSION", str(version))
