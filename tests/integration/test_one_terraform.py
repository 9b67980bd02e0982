"""Invariant 5 with whole processes: whoever works on an environment, one Terraform at a time is at it."""

import json
import shlex
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Environment, RunKind, RunStatus
from tests.acceptance.world import Said, World
from tests.support import warm
from tests.support.git_repository import GitRepository
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(400)
ROOT = Path(__file__).parents[2]
NAMES = ("alice", "bob", "carol")

# Each making and ending is a line in a file of the environment's own; making takes a while, so that others come to it.
CODE = """
variable "environment" {}
variable "folder" {}
resource "terraform_data" "mark" {
  input            = "${var.folder}/${var.environment}"
  triggers_replace = "VERSION"
  provisioner "local-exec" { command = "echo made VERSION >> ${self.input}; sleep 1; WAIT" }
  provisioner "local-exec" {
    when    = destroy
    command = "echo ended >> ${self.input}"
  }
}
"""


class Site:
    """An organization whose Terraform notes when it is started beside another one on the same environment."""

    def __init__(self, folder: Path, terraform: str) -> None:
        self.folder = folder
        self.marks = folder / "marks"
        self.locks = folder / "locks"
        self.violations = folder / "violations"
        self.go_on = folder / "go-on"
        for made in (self.marks, self.locks):
            made.mkdir()
        self.world = World(folder, GitRepository.create(folder / "shop.git"))
        self.world.repository.commit("main", {"README": "shop"})
        self.world.configure(
            f"terraform: {{binary: {self._wrapper(terraform)}}}\npolling: {{interval: 1s}}\n"
            "limits: {concurrency: 3}\ndestroy: {confirmations: 1, grace_period: 0s}\n"
            f"variables: {{folder: {self.marks}}}"
        )
        self.daemons: list[warm.Process] = []

    def _wrapper(self, terraform: str) -> Path:
        path = self.folder / "terraform"
        lock = f'{shlex.quote(str(self.locks))}/"$(basename "$(dirname "$TF_DATA_DIR")")"'
        note = f'echo "$TF_DATA_DIR $*" >> {shlex.quote(str(self.violations))}'
        path.write_text(
            f'#!/bin/bash\nif [ -n "$TF_DATA_DIR" ]; then\n  exec {{held}}>>{lock}\n  flock -n $held || {note}\nfi\n'
            f'exec {shlex.quote(terraform)} "$@"\n'
        )
        path.chmod(0o755)
        return path

    def push(self, name: str, version: int, *, held: bool = False) -> str:
        """Code for an environment; `held`: making it takes until `go_on` is there."""
        wait = f"until test -e {self.go_on}; do sleep 0.1; done" if held else "true"
        text = CODE.replace("VERSION", str(version)).replace("WAIT", wait)
        return self.world.branch(f"env-{name}", {"terraform/main.tf": text})

    def done(self, name: str) -> list[str]:
        """What was made and ended of an environment, in order."""
        path = self.marks / name
        return path.read_text().splitlines() if path.exists() else []

    def start_daemon(self) -> None:
        """Starts one more daemon on the same data folder."""
        arguments = [str(self.world.config), str(self.world.data), "60"]
        with self.log.open("ab") as log:
            daemon = warm.start("tests.integration.daemon_process", arguments, stdout=log, stderr=log)
        self.daemons.append(daemon)

    @property
    def log(self) -> Path:
        """What the daemons log."""
        return self.folder / "daemons.log"

    def stop(self) -> None:
        """Lets everything come to its end."""
        self.go_on.touch()
        for daemon in self.daemons:
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            daemon.wait(120)

    def environments(self) -> dict[str, Environment]:
        """The records, destroyed ones too."""
        with closing(open_records(self.world.config, self.world.data, {})) as store:
            return {each.id.name: each for each in store.environments(destroyed=True)}

    def is_ready(self, name: str, commit: str) -> bool:
        """Whether an environment has a commit."""
        found = self.environments().get(name)
        return found is not None and (found.status.value, found.applied.commit) == ("ready", commit)

    def check(self) -> None:
        """One Terraform at a time, and no run that did not end."""
        assert not self.violations.exists(), self.violations.read_text()
        with closing(open_records(self.world.config, self.world.data, {})) as store:
            assert not [run for run in store.runs() if run.status is RunStatus.RUNNING]


@pytest.fixture
def site(tmp_path: Path, terraform_binary: str) -> Iterator[Site]:
    made = Site(tmp_path, terraform_binary)
    yield made
    for daemon in made.daemons:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()


def test_two_daemons_on_one_data_folder_are_never_at_one_environment_together(site: Site) -> None:
    """Nothing is applied twice, nothing is destroyed twice, and both work."""
    commits = {name: site.push(name, 1) for name in NAMES}
    for _ in range(2):
        site.start_daemon()
    wait_for(lambda: all(site.is_ready(name, commit) for name, commit in commits.items()))
    assert [site.done(name) for name in NAMES] == [["made 1"]] * 3

    second = site.push("alice", 2)
    site.world.repository.delete("env-bob")
    wait_for(
        lambda: site.is_ready("alice", second) and site.environments()["bob"].status.value == "destroyed"
    )
    site.stop()

    assert site.done("alice") == ["made 1", "ended", "made 2"]
    assert site.done("bob") == ["made 1", "ended"]
    assert site.done("carol") == ["made 1"]
    site.check()
    with closing(open_records(site.world.config, site.world.data, {})) as store:
        kinds = [run.kind for run in store.runs() if run.status is RunStatus.SUCCEEDED]
        assert sorted(kinds) == sorted([RunKind.APPLY] * 4 + [RunKind.DESTROY])
        assert {run.owner.pid for run in store.runs()} <= {daemon.pid for daemon in site.daemons}


def at_once(site: Site, *commands: str) -> list[Said]:
    """What verbs that are started together come to."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda command: site.world(*command.split()), commands))


COMMANDS = (*["apply alice --yes"] * 3, "plan alice", "destroy alice --yes")


def test_a_daemon_and_five_commands_are_never_at_one_environment_together(site: Site) -> None:
    """While the daemon applies, each is refused with the holder's name; let loose together, one at a time works."""
    first = site.push("alice", 1, held=True)
    site.start_daemon()
    wait_for(lambda: site.done("alice") == ["made 1"])
    for refused in at_once(site, *COMMANDS):
        assert refused.code == 1, refused
        assert f"process {site.daemons[0].pid}" in refused.err
        assert "acme/shop/alice is held by" in refused.err
        assert "wait for it to end" in refused.err
    site.go_on.touch()
    wait_for(lambda: site.is_ready("alice", first))
    assert site.done("alice") == ["made 1"]

    site.push("alice", 2)
    loose = at_once(site, *COMMANDS)
    site.stop()

    for said in loose:
        assert said.code in (0, 1, 2), said
        assert said.code != 1 or is_refusal(said.err), said
    site.check()
    assert made_and_ended(site) == resources(site)


def is_refusal(err: str) -> bool:
    """Whether a command said who was in its way, or that what it had planned is out of date."""
    return "is held by" in err or "is suspended" in err


def made_and_ended(site: Site) -> int:
    """How many marks there are now; never two, and none was ended that was not made."""
    count = 0
    for mark in site.done("alice"):
        count += 1 if mark.startswith("made") else -1
        assert count in (0, 1), site.done("alice")
    return count


def resources(site: Site) -> int:
    """How many resources the state has."""
    path = site.world.data / "state" / "acme" / "shop" / "alice" / "terraform.tfstate"
    return len(json.loads(path.read_text())["resources"]) if path.exists() else 0
