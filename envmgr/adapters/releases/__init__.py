"""Releases of Terraform and OpenTofu: from where they are had, what they are verified by, and where they are kept."""
