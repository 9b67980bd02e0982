"""The world of a life with approvals: `main` is staging, a tag is production."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.chaos.promotion.witness import Permit
from tests.chaos.world import World, lines

_MODULE = """
variable "folder" { type = string }
variable "environment" { type = string }
variable "size" { type = string }
locals { label = "${var.environment} VERSION ${var.size}" }
resource "terraform_data" "it" {
  for_each         = { stays = "", replaced = local.label, onlyVERSION = "" }
  input            = { folder = var.folder, environment = var.environment }
  triggers_replace = each.value
  provisioner "local-exec" {
    working_dir = self.input.folder
    command     = "touch existing/${var.environment}.${each.key}.${self.id}; echo made ${local.label} ${each.key} ${self.id} >>history; sleep 0.1"
  }
  provisioner "local-exec" {
    when        = destroy
    working_dir = self.input.folder
    command     = "sleep 0.1; rm -f existing/${self.input.environment}.${each.key}.${self.id}; echo ended ${self.input.environment} ${each.key} ${self.id} >>history"
  }
}
output "ids" { value = { for name, resource in terraform_data.it : name => resource.id } }
"""
_LABEL = re.compile(r'(?:\+ triggers_replace +=|->) "production (\d+) (\w+)"')
_TEST = 'grep -qx good app.txt && echo "tested $ENVMGR_COMMIT" >>{folder}/history'
_DEPLOY = 'echo "deployed $ENVMGR_ENVIRONMENT $ENVMGR_COMMIT" >>{folder}/history'


class PromotionWorld(World):
    """One repository, whose `main` is staging and whose tags become production."""

    def __init__(self, folder: Path, place: Any) -> None:
        """Lay it all out below a folder."""
        super().__init__(folder, place, http=False)
        self.versions: dict[str, int] = {}
        self._size = "small"

    def release(self, *, works: bool) -> str:
        """The next version in `main` and under a tag; its tests pass if it `works`. Gives the commit."""
        self._version += 1
        module = _MODULE.replace("VERSION", str(self._version))
        files = {"terraform/main.tf": module, "app.txt": "good\n" if works else "bad\n"}
        commit = self.repository.commit("main", files)
        self.versions[commit] = self._version
        self.repository.tag(f"v1.{self._version}.0", commit)
        return commit

    def resize(self) -> None:
        """The next plan is another one, of the same commit."""
        self._size = "large" if self._size == "small" else "small"
        self._write_configuration()

    def permit(self, permit: Permit) -> None:
        """A person has read a plan and is about to approve it."""
        with (self.resources / "history").open("a") as file:
            file.write(f"{permit.line}\n")

    def history(self) -> list[str]:
        """What resources, steps and people wrote down."""
        return lines(self.resources / "history")

    def plan_files(self) -> list[str]:
        """Saved plans, wherever they lie."""
        data = self.folder / "data"
        found = (path for path in data.rglob("*plan*") if path.is_file() and "history" not in path.parts)
        return sorted(str(p.relative_to(data)) for p in found if p.suffix in (".tfplan", ".json"))

    def _write_configuration(self) -> None:
        document: dict[str, Any] = {
            "organization": "acme",
            "backend": dict(self._place.settings),
            "terraform": {"binary": str(self.folder / "terraform")},
            "environment_variables": dict(self._place.environment),
            "repositories": [
                {
                    "name": "shop",
                    "url": self.repository.url,
                    "variables": {"folder": str(self.resources), "size": self._size},
                    "deploy": [{"name": "deploy", "run": _DEPLOY.format(folder=self.resources)}],
                    "environments": [
                        {
                            "name": "staging",
                            "branch": "main",
                            "tests": [{"name": "smoke", "run": _TEST.format(folder=self.resources)}],
                        },
                        {
                            "name": "production",
                            "tags": "v*",
                            "after": ["staging"],
                            "approval": {"needed": 1},
                        },
                    ],
                },
            ],
        }
        with (self.folder / "acme.yaml").open("w") as file:
            YAML().dump(document, file)


def label(text: str) -> tuple[int, str]:
    """Version and size of what a plan makes, as a person reads it in Terraform's own words."""
    found = {(int(version), size) for version, size in _LABEL.findall(text)}
    if len(found) != 1:
        raise AssertionError(f"This plan shows {found or 'nothing'} of production: {text}")
    return found.pop()
