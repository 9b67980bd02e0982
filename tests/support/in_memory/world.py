"""A whole engine on ports in memory: remotes, records, states and a cloud that outlive any process of envmgr.

Wherever Terraform is about to change anything, the promises are looked at.
"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import identity, tags_for
from tests.support.memory_store import MemoryStore

from .cloud import MemoryCloud
from .daemon import Daemon
from .git import MemoryGit, MemoryRepository
from .kept import MemoryBinaries
from .passing import PASSING
from .probe import MemoryProbe
from .processes import Host
from .rules import MODULE, Rules
from .states import StatePlace
from .steps import MemorySteps
from .terraform import MemoryTerraform, Point

Objection = Callable[[Environment, Point], str]


class World:
    """An organization `acme` with a repository `shop`, and the processes of envmgr that work on it."""

    def __init__(self, folder: Path, rules: Rules | None = None) -> None:
        """With one daemon, and a person at the same host."""
        self.folder, self.rules = folder, rules or Rules()
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        PASSING.move = self._passed
        self.shop = MemoryRepository("memory:shop")
        self.shop.commit("main", {"README.md": "hello"})
        self.store, self.place, self.cloud = MemoryStore(), StatePlace(), MemoryCloud()
        self.git, self.probe = MemoryGit(self.shop), MemoryProbe()
        self.host = Host(self.clock)
        self.binaries, self.steps = MemoryBinaries(), MemorySteps(self.host)
        self.terraform = self.terraform_of(self.host)
        self.objects: Objection = lambda *_: ""
        """Why a promise forbids what Terraform is about to do; empty where none does."""
        self.broken: list[str] = []
        self.acting: list[Daemon] = []
        self.daemon = Daemon(self, self.host, self.terraform)
        self.person = Daemon(self, self.host, self.terraform, "user ann")

    def clock(self) -> datetime:
        """The present."""
        return self.now

    def terraform_of(self, host: Host) -> MemoryTerraform:
        """That of another host."""
        made = MemoryTerraform(
            host, self.cloud, lambda backend: (self.place, str(backend[1]["key"])), self.clock
        )
        made.at = self._at
        return made

    # --- what happens ----------------------------------------------------------------------------

    def forward(self, **duration: float) -> None:
        """Time passes; whoever is at work renews its leases meanwhile."""
        PASSING.passed += timedelta(**duration).total_seconds()
        self._passed(timedelta(**duration))

    def push(self, name: str, module: str = MODULE, **files: str | None) -> str:
        """A commit on `env-NAME`."""
        return self.shop.commit(f"env-{name}", {**self.rules.files(module), **files})

    def delete(self, name: str) -> None:
        """The branch goes away."""
        self.shop.delete(f"env-{name}")

    def turn(self, times: int = 1, **pause: float) -> None:
        """The daemon polls and works, so many times, with a pause before each."""
        for _ in range(times):
            self.daemon.turn(**pause)

    def restart(
        self, *, kills_terraform: bool = False, dies_at: int | None = None, after: bool = False
    ) -> None:
        """The daemon ends where it is, and another begins, which may die, too."""
        if kills_terraform:
            for child in self.terraform.running:
                self.terraform.kill(child)
        self.daemon.restart(dies_at=dies_at, after=after)

    def lose_records(self) -> None:
        """The database and the data folder are gone; what is beside the states is not."""
        shutil.rmtree(self.folder / self.host.name)
        listed = self.git.listed
        self.store, self.git, self.binaries = MemoryStore(), MemoryGit(self.shop), MemoryBinaries()
        self.git.listed = listed
        self.daemon.restart()
        self.person.restart()

    # --- what there is ---------------------------------------------------------------------------

    def environment(self, name: str, application: str = "") -> Environment:
        """The record of an environment, or of an application of it."""
        found = self.store.environment(EnvironmentId("acme", "shop", name, application))
        assert found is not None, f"no environment {name}"
        return found

    def records(self, name: str) -> list[Environment]:
        """Those of all applications of an environment."""
        return list(self.store.environments(name=name, destroyed=True))

    def status(self, name: str, application: str = "") -> Status:
        """Where it stands."""
        return self.environment(name, application).status

    def in_cloud(self, name: str, application: str = "") -> list[str]:
        """What the cloud has of an environment, of all its applications unless one is named."""
        wanted = identity(tags_for(EnvironmentId("acme", "shop", name), f"env-{name}"))
        wanted |= {"application": application} if application else {}
        return [arn for arn, tags in self.cloud.resources.items() if tags.items() >= wanted.items()]

    def actions(self, name: str) -> list[str]:
        """What happened to an environment, by the events."""
        return [e.action for e in self.store.events(EnvironmentId("acme", "shop", name))]

    def check(self) -> None:
        """Raises where a promise was broken: by what Terraform was made to do, or by what is there now."""
        for arn in self.cloud.resources:
            owner = EnvironmentId.of_key(arn.removeprefix("arn:aws:memory:::").rpartition("/")[0])
            record = self.store.environment(owner) if owner is not None else None
            if record is None or not record.is_open or record.claim is None:
                self.broken.append(f"{arn} is nobody's: {record and record.status}")
        for record in self.store.environments():
            if record.message.startswith("Unexpected"):
                self.broken.append(f"{record.label}: {record.message}")
            if (
                "is not the one that its last apply wrote" in record.message
            ):  # no history puts another's there
                self.broken.append(f"{record.label}: its own state is taken for another's")
        assert not self.broken, self.broken

    # --- the promises ----------------------------------------------------------------------------

    def _passed(self, duration: timedelta) -> None:
        self.now += duration
        for daemon in self.acting:
            # Who is met in the middle of a word of its own is renewing: its thread would wait for itself for ever.
            if not daemon.application.services.fleet._lock.locked():
                daemon.application.services.leases.renew()

    def _at(self, point: Point) -> None:
        """Looked at wherever Terraform has come to, before it goes on."""
        at_work = [d for d in self.acting[:-1] if d.holds(point.key)]
        if at_work:
            self.broken.append(f"{point.key}: two work on it at once")
        if point.command == "apply":
            if point.step != "written" and self.acting:
                self.acting[-1].life.begin()  # as good a moment to die as a call
            if point.step == "locked":
                before = self.now
                self._passed(timedelta(0))
                if self.now != before:  # in the middle of a renewal: the next one comes by itself
                    self._passed(timedelta(0))
                self.broken += [f"{point.key}: {why}" for why in self._objections(point)]

    def _objections(self, point: Point) -> list[str]:
        owner = EnvironmentId.of_key(point.key)
        record = self.store.environment(owner) if owner is not None else None
        if record is None or record.claim is None:
            return ["applied without a claim"]
        claim, lease = record.claim, self.store.leases(self.now).get(record.id)
        folder = f"{record.id.application}/" if record.id.application else ""
        wanted = self.shop.commits[claim.commit].files[f"{folder}terraform/main.tf"]
        others = [p for p in self.terraform.running if self.terraform.key_of(p) == point.key]
        found = {
            "applied without a lease": lease is None,
            "the lease is another's": lease is not None
            and bool(self.acting)
            and lease.owner != self.acting[-1].life.process,
            "two Terraforms at once": len(others) > 1,
            "passes for applied while it is being applied": record.applied.fingerprint is not None
            and not point.destroys,
            "nothing is kept beside its state": self.place.objects.get(record.id.kept_key) is None,
            f"the commit {claim.commit[:10]} is not kept": not point.destroys
            and claim.commit not in self.git.kept(record.id),
            "not the code of its claim": (point.workspace.root / "main.tf").read_bytes() != wanted,
        }
        return [*(why for why, is_so in found.items() if is_so), *filter(None, [self.objects(record, point)])]
