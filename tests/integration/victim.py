"""A process of envmgr that a test kills, and code whose resource writes down what was done to it."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import warm
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

# What it makes is a line in a file; while a file `slow` is there, making and ending take until it is gone.
CODE = """
variable "folder" {}
resource "terraform_data" "mark" {
  input = var.folder
  provisioner "local-exec" {
    command     = "echo made >> marks; while test -e slow; do sleep 0.1; done; echo whole >> marks"
    working_dir = self.input
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "echo ended >> marks; while test -e slow; do sleep 0.1; done; echo gone >> marks"
    working_dir = self.input
  }
}
output "url" { value = "http://alice.example.com" }
"""


class Victim:
    """An engine's files with a process on them that dies, and what the code's resource left behind."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.folder = engine.folder / "marks"
        self.folder.mkdir()
        self.slow = self.folder / "slow"
        self.shop = engine.repository(variables={"folder": str(self.folder)})
        self.shop.commit("env-alice", code(module=CODE))
        engine.write()

    def dies(self, moment: str) -> None:
        """Run a pass that dies at a moment."""
        process = self.start(moment)
        process.wait(60)
        assert process.returncode == -signal.SIGKILL, self.log()

    def dies_at(self, mark: str, also: Callable[[], bool] = lambda: True) -> None:
        """Kill a pass while its Terraform stands at a mark, where that goes on once `slow` is gone."""
        self.slow.touch()
        process = self.start("during")
        self.wait_for_mark(mark)
        wait_for(also)
        process.kill()
        process.wait()

    def start(self, moment: str) -> warm.Process:
        """Start a pass at the engine's present."""
        forward = self.engine.clock.now.timestamp() - time.time()
        arguments = [str(self.engine.config), str(self.engine.data), moment, str(forward)]
        with (self.engine.folder / "log").open("ab") as log:
            return warm.start("tests.integration.killed_process", arguments, stdout=log, stderr=log)

    def log(self) -> str:
        """What it said."""
        return (self.engine.folder / "log").read_text()

    def marks(self) -> list[str]:
        """What the resource did, in order."""
        path = self.folder / "marks"
        return path.read_text().split() if path.exists() else []

    def wait_for_mark(self, mark: str) -> None:
        """Wait until the resource did this."""
        deadline = time.monotonic() + 90
        while mark not in self.marks():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def in_state(self) -> int:
        """How many resources the state has."""
        path = self.engine.state("alice")
        return len(json.loads(path.read_text())["resources"]) if path.exists() else 0


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended, reaped or not."""
    stat = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + 90
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.05)
