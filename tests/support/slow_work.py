"""Terraform code whose apply takes a while and writes down when it starts and ends."""


def slow_work(number: int, seconds: float) -> str:
    """A `main.tf`; each number replaces the resource once. The apply appends to `$HOME/applies`."""
    return f"""
resource "terraform_data" "work" {{
  triggers_replace = [{number}]
  provisioner "local-exec" {{
    quiet   = true
    command = <<-EOT
      set -eu
      echo "started {number}" >>"$HOME/applies"
      sleep {seconds}
      rm "$(mktemp)"
      echo "token {number} $${{TF_VAR_token:+set}}" >>"$HOME/applies"
      echo "finished {number}" >>"$HOME/applies"
    EOT
  }}
}}
"""
