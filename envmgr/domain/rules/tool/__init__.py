"""Which version of Terraform, or OpenTofu, code is to be run with."""
