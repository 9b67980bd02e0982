"""Terraform code whose apply takes a while and writes down when it starts and ends."""

from pathlib import Path


def slow_work(number: int, seconds: float, applies: Path | str, until: Path | None = None) -> str:
    """A `main.tf`; each number replaces the resource once. The apply appends to the file `applies`.

    It takes so many seconds, or goes on until there is a file (at most some minutes, should nobody make it).
    """
    wait = (
        f"sleep {seconds}"
        if until is None
        else f'for _ in $(seq 1000); do test ! -e "{until}" || break; sleep 0.1; done'
    )
    return f"""
resource "terraform_data" "work" {{
  triggers_replace = [{number}]
  provisioner "local-exec" {{
    quiet   = true
    command = <<-EOT
      set -eu
      echo "started {number}" >>"{applies}"
      {wait}
      rm "$(mktemp)"
      echo "token {number} $${{TF_VAR_token:+set}}" >>"{applies}"
      echo "finished {number}" >>"{applies}"
    EOT
  }}
}}
"""
