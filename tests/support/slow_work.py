"""Terraform code whose apply takes a while and writes down when it starts and ends."""

from pathlib import Path


def slow_work(number: int, seconds: float, applies: Path | str) -> str:
    """A `main.tf`; each number replaces the resource once. The apply appends to the file `applies`."""
    return f"""
resource "terraform_data" "work" {{
  triggers_replace = [{number}]
  provisioner "local-exec" {{
    quiet   = true
    command = <<-EOT
      set -eu
      echo "started {number}" >>"{applies}"
      sleep {seconds}
      rm "$(mktemp)"
      echo "token {number} $${{TF_VAR_token:+set}}" >>"{applies}"
      echo "finished {number}" >>"{applies}"
    EOT
  }}
}}
"""
