"""Stories of an envmgr whose data folder is on a disk that fills up; each is a process on such a disk.

python -m tests.integration.full_disk STORY DISK FOLDER
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envmgr.domain.environment import RunStatus, Status
from tests.support.engine import Engine, code

RESERVE = 16
NAMES = ["first", "second", "third"]

# Its state is larger than what a file system gives out at a time; what it makes is a line in a file.
CODE = """
variable "folder" {}
variable "environment" {}
resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "${var.folder}/during" }
}
resource "terraform_data" "third" {
  input      = join("", [for i in range(1000) : "${i} ${join("", [for j in range(30) : "${var.environment} "])}"])
  depends_on = [terraform_data.second]
  provisioner "local-exec" { command = "echo made >> ${var.folder}/marks" }
}
"""


class Disk:
    """The disk, an engine whose data is on it, and a step of Terraform's at which the disk fills up."""

    def __init__(self, disk: Path, folder: Path, **organization: Any) -> None:
        self.disk = disk
        self.folder = folder
        self.ballast = disk / "ballast"
        config = folder / "config"
        config.mkdir()
        (config / "daemon.yaml").write_text(f"daemon: {{disk_reserve: {RESERVE}MB}}\n")
        self.engine = Engine(folder, **organization)
        self.engine.data = disk / "data"
        self.engine.config = config / "acme.yaml"
        self.shop = self.engine.repository(variables={"folder": str(folder)})
        self.fills_during("")

    def fills_during(self, step: str) -> None:
        """Let the disk be full from a step on: a command of Terraform's, or `resource` during its apply."""
        fill = f"cat /dev/zero > {self.ballast} 2>/dev/null"
        self.engine.use_terraform(f'test "$1" = "{step}" && {fill}\nexec "$real" "$@"')
        script = self.folder / "during"
        script.write_text(f"#!/bin/sh\n{fill if step == 'resource' else ''}\ntrue\n")
        script.chmod(0o755)

    def fill(self, leave: int = 0) -> None:
        """Let others fill it, up to so many bytes."""
        status = os.statvfs(self.disk)
        with self.ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - leave)

    def make_room(self) -> None:
        """Delete what others filled it with."""
        self.fills_during("")
        self.ballast.unlink()

    def push(self, **files: str) -> None:
        """Push the code with further files."""
        self.shop.commit("env-alice", code(files, CODE))

    def marks(self) -> list[str]:
        """What was made."""
        path = self.folder / "marks"
        return path.read_text().split() if path.exists() else []

    def says_what_to_do(self) -> None:
        """The record says that the disk is full, which one, and what to do; no run goes on."""
        alice = self.engine.environment("alice")
        assert alice.status is Status.FAILED, alice
        assert str(self.engine.data) in alice.message, alice.message
        assert "make room" in alice.message, alice.message
        runs = len(self.engine.runs())
        self.engine.turn(hours=1)
        alice = self.engine.environment("alice")
        assert f"{RESERVE} MB are kept in reserve" in alice.message, alice.message
        assert len(self.engine.runs()) == runs

    def converges(self, state: Path) -> None:
        """Once there is room all is as wanted, nothing was made twice, and nothing is left over."""
        self.make_room()
        self.engine.turn(hours=1)
        alice = self.engine.environment("alice")
        assert alice.status is Status.READY, alice
        assert alice.resources == tuple(f"terraform_data.{name}" for name in NAMES)
        names = [resource["name"] for resource in json.loads(state.read_text())["resources"]]
        assert names == NAMES
        assert self.marks() == ["made"]
        assert all(run.status is not RunStatus.RUNNING for run in self.engine.runs())
        assert (self.engine.data / "envmgr.db.reserve").stat().st_size > 0


def at_a_command(step: str) -> Callable[[Path, Path], None]:
    """The disk fills up as a command of Terraform's starts."""

    def story(disk: Path, folder: Path) -> None:
        world = Disk(disk, folder)
        world.fills_during(step)
        world.push()
        world.engine.turn()
        world.says_what_to_do()
        world.converges(world.engine.state("alice"))

    return story


def during_apply(disk: Path, folder: Path) -> None:
    """Between two resources, with the state on the same disk: Terraform tears it, and leaves `errored.tfstate`."""
    world = Disk(disk, folder, backend={"local": {"path": str(disk / "state")}})
    world.fills_during("resource")
    world.push()
    world.engine.turn()
    state = disk / "state/acme/shop/alice/terraform.tfstate"
    kept = world.engine.data / "workspaces/acme/shop/alice/terraform/errored.tfstate"
    made = json.loads(kept.read_text())["resources"]
    assert [resource["name"] for resource in made][:2] == NAMES[:2]
    assert not state.read_bytes().endswith(b"}\n"), (
        "the disk did not tear the state: this story tells nothing"
    )
    world.says_what_to_do()
    assert kept.exists()
    world.converges(state)
    assert not kept.exists()
    assert "state-recovered" in world.engine.actions("alice")


def fetch(disk: Path, folder: Path) -> None:
    """A branch that does not fit; that it is tried again and again leaves nothing behind."""
    world = Disk(disk, folder)
    world.push(large=os.urandom(5_000_000).hex())
    world.engine.application.services.store.check()
    world.fill(leave=RESERVE * 1_000_000 // 8)
    used: list[int] = []
    for _ in range(3):
        world.engine.turn(hours=1)
        used.append(sum(p.stat().st_size for p in (world.engine.data / "mirrors").rglob("*") if p.is_file()))
        alice = world.engine.environment("alice")
        assert alice.status is Status.FAILED
        assert "make room" in alice.message, alice.message
    assert max(used) < 1_000_000, used
    world.converges(world.engine.state("alice"))


def reserve(disk: Path, folder: Path) -> None:
    """Too full already: nothing starts, what is there stays, and an end that is due waits as well."""
    world = Disk(disk, folder)
    world.push()
    world.engine.turn()
    world.fill(leave=RESERVE * 1_000_000 // 2)
    world.shop.delete("env-alice")
    world.engine.turn(3, minutes=6)
    alice = world.engine.environment("alice")
    assert alice.status is Status.FAILED
    assert f"{RESERVE} MB are kept in reserve" in alice.message
    assert world.engine.state("alice").exists()
    world.make_room()
    world.engine.turn(hours=2)
    assert world.engine.statuses() == {"alice": "destroyed"}


STORIES = {
    "fetch": fetch,
    "init": at_a_command("init"),
    "plan": at_a_command("plan"),
    "apply": at_a_command("apply"),
    "during apply": during_apply,
    "reserve": reserve,
}

if __name__ == "__main__":
    STORIES[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
