"""Stories of an envmgr whose data folder is on a disk that fills up; each is a process on such a disk.

python -m tests.integration.full_disk STORY DISK FOLDER
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from envmgr.domain.errors import Transient
from envmgr.domain.values.environment import RunStatus, Status
from tests.support.engine import Engine, code

RESERVE = 40
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

FILL = 'cat /dev/zero >> "$ballast" 2>/dev/null'
# Whatever room appears is taken as well; when the command is over somebody deletes a little. Not within milliseconds:
# Terraform gives the room of `errored.tfstate` back as it opens it, and whoever were quicker than its next write had it.
FILLING = """
test "$1" = "{command}" || exec "$real" "$@"
trap : INT
{at_once}
set -m  # a process group of its own, to be ended as a whole
(while sleep 0.05; do test -e "$ballast" && cat /dev/zero >> "$ballast"; done) 2>/dev/null &
filler=$!
set +m
"$real" "$@"
code=$?
kill -KILL -- -$filler
wait $filler 2>/dev/null
truncate --size=-9M "$ballast"
exit $code
"""


class Disk:
    """The disk, an engine whose data is on it, and a step of Terraform's at which the disk fills up."""

    def __init__(self, disk: Path, folder: Path) -> None:
        self.disk = disk
        self.folder = folder
        self.ballast = disk / "ballast"
        self.state = disk / "state/acme/shop/alice/terraform.tfstate"
        config = folder / "config"
        config.mkdir()
        (config / "daemon.yaml").write_text(f"daemon: {{disk_reserve: {RESERVE}MB}}\n")
        self.engine = Engine(folder, backend={"local": {"path": str(disk / "state")}})
        self.engine.data = disk / "data"
        self.engine.config = config / "acme.yaml"
        self.shop = self.engine.repository(variables={"folder": str(folder)})
        self._named = f"ballast={self.ballast}"
        self.fills_during("")

    def fills_during(self, step: str) -> None:
        """Let the disk be full from a step to the end of its command: `resource` is in the middle of the apply."""
        during = self.folder / "during"
        during.write_text(f"#!/bin/sh\n{self._named}\n{FILL if step == 'resource' else ''}\ntrue\n")
        during.chmod(0o755)
        command = "apply" if step == "resource" else step
        at_once = "" if step == "resource" else FILL
        script = FILLING.format(command=command, at_once=at_once)
        self.engine.use_terraform(f"{self._named}\n{script}")

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

    def converges(self) -> None:
        """Once there is room all is as wanted, nothing was made twice, and nothing is left over."""
        self.make_room()
        self.engine.turn(hours=1)
        alice = self.engine.environment("alice")
        assert alice.status is Status.READY, alice
        assert alice.applied.resources == tuple(f"terraform_data.{name}" for name in NAMES)
        names = [resource["name"] for resource in json.loads(self.state.read_text())["resources"]]
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
        world.converges()

    return story


def during_apply(disk: Path, folder: Path) -> None:
    """Between two resources, with the state on the same disk: Terraform tears it, and leaves `errored.tfstate`."""
    world = Disk(disk, folder)
    world.fills_during("resource")
    world.push()
    world.engine.turn()
    kept = world.engine.data / "workspaces/acme/shop/alice/terraform/errored.tfstate"
    made = json.loads(kept.read_text())["resources"]
    assert [resource["name"] for resource in made][:2] == NAMES[:2]
    # How much of the state the disk took is chance; the worst is a part of it, which Terraform cannot read.
    assert not world.state.exists() or not world.state.read_bytes().endswith(b"}\n")
    world.state.write_bytes(kept.read_bytes()[:4096])
    world.says_what_to_do()
    assert kept.exists()
    world.converges()
    assert not kept.exists()
    assert "state-recovered" in world.engine.actions("alice")


def fetch(disk: Path, folder: Path) -> None:
    """A branch that does not fit; that it will be tried again and again leaves nothing behind."""
    world = Disk(disk, folder)
    world.push(large=os.urandom(5_000_000).hex())
    world.engine.application.services.store.check()
    world.fill(leave=2_000_000)
    used: list[int] = []
    for _ in range(3):
        world.engine.turn(hours=1)
        used.append(sum(p.stat().st_size for p in (world.engine.data / "mirrors").rglob("*") if p.is_file()))
        alice = world.engine.environment("alice")
        assert alice.status is Status.FAILED
        assert "make room" in alice.message, alice.message
    assert max(used) < 1_000_000, used
    world.converges()


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
    assert world.state.exists()
    world.make_room()
    world.engine.turn(hours=2)
    assert world.engine.statuses() == {"alice": "destroyed"}


def record(disk: Path, folder: Path) -> None:
    """Not a byte is left for the database: what was set aside for that makes room for the sentence."""
    world = Disk(disk, folder)
    world.engine.turn()
    world.push()
    world.fill()
    for _ in range(3):
        with suppress(Transient):
            world.engine.turn()
    world.says_what_to_do()
    world.converges()


STORIES = {
    "fetch": fetch,
    "init": at_a_command("init"),
    "plan": at_a_command("plan"),
    "apply": at_a_command("apply"),
    "during apply": during_apply,
    "reserve": reserve,
    "record": record,
}

if __name__ == "__main__":
    STORIES[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
