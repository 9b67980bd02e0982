"""The real program on a real repository: what the acceptance tests type, and what they read."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support import warm
from tests.support.git_repository import GitRepository

ENVMGR = str(Path(sys.executable).with_name("envmgr"))

CODE = """
variable "environment" { type = string }
variable "project" { type = string }
variable "organization" { type = string }
variable "branch" { type = string }
variable "tags" { type = map(string) }
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "site" { input = "${var.environment} ${var.size}" }
output "url" { value = "https://${var.environment}.example.com/" }
output "list" { value = [1, var.size] }
output "password" {
  value     = "hunter2-very-secret"
  sensitive = true
}
"""
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "sleep 30" }
}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a call of the program gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


@dataclass(slots=True)
class World:
    """A folder with a configuration, data and a repository `shop`."""

    folder: Path
    repository: GitRepository

    @classmethod
    def create(cls, folder: Path, settings: str = "") -> Self:
        """With an organization `acme`, and `settings` as further lines of its file."""
        world = cls(folder, GitRepository.create(folder / "shop.git"))
        world.repository.commit("main", {"README.md": "A shop\n", "terraform/main.tf": CODE})
        world.configure(settings)
        return world

    @property
    def config(self) -> Path:
        """The configuration folder."""
        return self.folder / "config"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def configure(self, settings: str = "", repository: str = "") -> None:
        """Writes the organization file; `repository` is further lines of the repository's."""
        self.config.mkdir(exist_ok=True)
        more = "".join(f"    {line}\n" for line in repository.splitlines())
        text = f"organization: acme\n{settings}\nrepositories:\n  - name: shop\n    url: {self.repository.url}\n{more}"
        (self.config / "acme.yaml").write_text(text)

    def branch(self, name: str, files: Mapping[str, str] | None = None) -> str:
        """Pushes a commit to a branch."""
        return self.repository.commit(name, files or {"note.txt": name})

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A quiet process environment."""
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("ENVMGR_", "TF_", "GIT_")) and k not in {"COLUMNS", "INVOCATION_ID"}
        }
        own = {"ENVMGR_CONFIG": str(self.config), "ENVMGR_DATA_DIR": str(self.data), "HOME": str(self.folder)}
        return {**kept, **own, **(extra or {})}

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Said:
        """Runs `envmgr ARGUMENTS` without a terminal, in a process that is forked."""
        return _said(warm.run("envmgr", arguments, env=self.environ(env), cwd=self.folder, timeout=200))

    def anew(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 200) -> Said:
        """The same in a process that is started from nothing, as a shell does it."""
        done = subprocess.run(
            [ENVMGR, *arguments],
            env=self.environ(env),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return _said(done)

    def ok(self, *arguments: str) -> Said:
        """Runs it and expects exit code 0."""
        said = self(*arguments)
        assert said.code == 0, (said.code, said.out, said.err)
        return said

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts `envmgr ARGUMENTS`; its output is read by who started it."""
        return subprocess.Popen(
            [ENVMGR, *arguments],
            env=self.environ(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _said(done: "subprocess.CompletedProcess[str]") -> Said:
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)
