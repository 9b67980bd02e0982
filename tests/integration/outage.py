"""An apply during which the backend of its state goes away: what all tests of it need."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

KEY = "acme/shop/alice/terraform.tfstate"

# Makes a line in a file, then does not end before another file is there; fails where a third one is.
CODE = """
variable "folder" {}
resource "terraform_data" "mark" {
  input = var.folder
  provisioner "local-exec" {
    command     = "echo made >> marks"
    working_dir = self.input
  }
}
resource "terraform_data" "slow" {
  input      = var.folder
  depends_on = [terraform_data.mark]
  provisioner "local-exec" {
    command     = "touch at-work; until test -e go-on; do sleep 0.05; done; test ! -e broken"
    working_dir = self.input
  }
}
"""


@dataclass
class Outage:
    """An engine whose branch env-alice leaves marks in a folder, and an apply that can be caught in the middle."""

    engine: Engine
    marks: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the folder, and the repository that is given it."""
        self.marks = self.engine.folder / "marks"
        self.marks.mkdir()
        self.engine.repository(variables={"folder": str(self.marks)})

    def during_an_apply(self, begin: Callable[[], object]) -> None:
        """Push the code, and let the outage begin when its first resource is made; returns when the work is done."""
        self.engine.repositories["shop"].commit("env-alice", code(module=CODE))
        self.engine.poll()
        worker = threading.Thread(target=self.engine.work)
        worker.start()
        try:
            wait_for((self.marks / "at-work").exists)
            wait_for(lambda: is_lock_recorded(self.engine))
            begin()
        finally:
            (self.marks / "go-on").touch()
            worker.join()

    def commands(self) -> list[str]:
        """The Terraform commands since the last call of this; `state` with what it did."""
        file = self.engine.calls_file
        if not file.exists():
            return []
        lines = [line.split() for line in file.read_text().splitlines()]
        file.unlink()
        return [" ".join(words[:2]) if words[0] == "state" else words[0] for words in lines]

    @property
    def made(self) -> str:
        """What the module's side effects were."""
        return (self.marks / "marks").read_text()

    @property
    def kept(self) -> Path:
        """Where envmgr keeps the state that could not be written."""
        return self.engine.data / "workspaces/acme/shop/alice/terraform/errored.tfstate"


def is_lock_recorded(engine: Engine) -> bool:
    """Whether the newest run knows the lock that is held now, not only that of its plan before."""
    lock = engine.application.services.organizations["acme"].state().lock(KEY)
    return lock is not None and lock.id == engine.runs()[-1].lock_id
