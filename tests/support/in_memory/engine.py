"""A whole envmgr by an organization file, as `tests.support.engine` has it, on ports in memory and in one thread.

The file is read, and all is composed, as the program does it; then the adapters' places are taken by those in memory.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

from envmgr.adapters.modules import Modules, packaged_folder
from envmgr.adapters.policy.rego import RegoPolicies
from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.config.load import load
from envmgr.domain.documents.owner import Installation
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context.hosts import Fleet
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.seals import seal_of
from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.poller import Poller
from envmgr.engine.reconcile.reconciler import Reconciler
from tests.support.engine import Driver, TestClock
from tests.support.memory_store import MemoryStore

from .cloud import MemoryCloud
from .git import MemoryGit, MemoryRepository
from .kept import MemoryBinaries, NoProviders
from .passing import PASSING
from .probe import MemoryProbe
from .processes import Host
from .registry import MemoryRegistry
from .states import StatePlace
from .steps import MemorySteps
from .straight import StraightLeases, StraightLogs, StraightWorkers
from .terraform import MemoryTerraform, Point

_BACKEND = {"s3": {"bucket": "states", "region": "eu-west-1"}}


class PassingClock(TestClock):
    """A clock by which also what is slept passes."""

    def __init__(self) -> None:
        super().__init__()
        PASSING.move = self._slept

    def forward(self, **duration: float) -> None:
        """Let time pass."""
        super().forward(**duration)
        PASSING.passed += max(0.0, timedelta(**duration).total_seconds())

    def _slept(self, duration: timedelta) -> None:
        self.now += duration


class StateObject:
    """The state of an environment, with as much of a path's methods as tests use."""

    def __init__(self, place: StatePlace, key: str) -> None:
        self._place, self._key = place, key

    def exists(self) -> bool:
        """Whether there is one."""
        return self._key in self._place.objects

    def read_bytes(self) -> bytes:
        """What it says."""
        return self._place.objects[self._key]

    def read_text(self) -> str:
        """What it says."""
        return self.read_bytes().decode()

    def write_bytes(self, content: bytes) -> None:
        """Put another in its place."""
        self._place.objects[self._key] = content

    def write_text(self, content: str) -> None:
        """Put another in its place."""
        self.write_bytes(content.encode())

    def unlink(self) -> None:
        """Lose it."""
        del self._place.objects[self._key]


class MemoryEngine(Driver[MemoryRepository]):
    """As `Driver`, on ports in memory. What is due is done in this thread, in turn."""

    def __init__(self, folder: Path, **organization: Any) -> None:
        """As of a `Driver`."""
        super().__init__(folder, PassingClock(), **{"backend": _BACKEND, **organization})
        self.store, self.place, self.cloud = MemoryStore(), StatePlace(), MemoryCloud()
        self.git, self.probe, self.host = MemoryGit(), MemoryProbe(), Host(self.clock)
        self.binaries, self.steps = MemoryBinaries(), MemorySteps(self.host)
        self.registry = MemoryRegistry()
        self.terraform = MemoryTerraform(
            self.host, self.cloud, lambda backend: (self.place, str(backend[1]["key"])), self.clock
        )

    def meanwhile(self, command: str, step: str, do: Callable[[], object]) -> None:
        """Do something once Terraform has come there: `plan` begins and ends, `apply` has locked, has written."""

        def at(point: Point) -> None:
            if (point.command, point.step) == (command, step):
                self.terraform.at = lambda _: None
                do()

        self.terraform.at = at

    def calls(self) -> list[str]:
        """The Terraform commands that were started since the last call of this."""
        made, self.terraform.calls = self.terraform.calls, []
        return made

    def lose_data(self) -> None:
        """End the application; records, mirrors and all that is in the data folder are gone."""
        super().lose_data()
        self.store, self.git = MemoryStore(), MemoryGit(*self.git.remotes.values())

    def state(self, name: str, repository: str = "shop", application: str = "") -> StateObject:
        """The state of an environment, or of an application of it."""
        return StateObject(self.place, EnvironmentId("acme", repository, name, application).state_key)

    def kept(self, key: str) -> StateObject:
        """Another object beside the states."""
        return StateObject(self.place, key)

    def archived(self) -> list[StateObject]:
        """The archived states."""
        return [
            StateObject(self.place, key) for key in sorted(self.place.objects) if key.startswith("archive/")
        ]

    def in_cloud(self, name: str) -> list[str]:
        """What the cloud has of an environment."""
        return [arn for arn, tags in self.cloud.resources.items() if tags["environment"] == name]

    def _new_repository(self, name: str) -> MemoryRepository:
        made = MemoryRepository(str(self.folder / "remotes" / f"{name}.git"))
        self.git.remotes[made.url] = made
        return made

    def _compose(self) -> Runtime:
        for repository in self.repositories.values():
            self.git.remotes[repository.url] = repository
        start = Start(
            config=self.config, data_dir=self.data, actor="daemon", environ=self.environ, clock=self.clock
        )
        own = self._own_services(start)
        reconciler = Reconciler(own)
        before = Runtime(
            services=own,
            poller=Poller(own),
            workers=StraightWorkers(own, reconciler),
            stopping=Event(),
        )
        made = compose(start, before)
        services = self._on_ports_in_memory(made.services, own)
        reconciler = Reconciler(services)
        made.workers.reconfigure(services, reconciler)
        return replace(made, services=services, poller=Poller(services))

    def _own_services(self, start: Start) -> Services:
        """All that no configuration says."""
        layout = Layout(self.data).create()
        process = self.host.start()
        fleet = Fleet(self.store, self.clock, process, self.host)
        return Services(
            layout=layout,
            store=self.store,
            git=self.git,
            modules=Modules(packaged_folder(), layout.modules),
            binaries=self.binaries,
            providers=lambda _: NoProviders(),
            leases=StraightLeases(self.store, self.clock, process, self.host, fleet),
            fleet=fleet,
            logs=StraightLogs(),
            steps=self.steps,
            sites=self.steps,
            zips=self.steps,
            probe=self.probe,
            registry=self.registry,
            policies=RegoPolicies(),
            clock=self.clock,
            owner=process,
            processes=self.host,
            actor=start.actor,
            organizations={},
            repositories={},
            disk_reserve=0,
            retention=timedelta(days=30),
            seal=seal_of(load(start.config, start.environ).settings.bundle_key, layout, start.environ),
            installation=Installation(
                database=f"{id(self.store):012x}", host=process.host, folder=str(self.data)
            ),
        )

    def _on_ports_in_memory(self, composed: Services, own: Services) -> Services:
        organizations = {
            name: self._organization(organization) for name, organization in composed.organizations.items()
        }

        def moved(repository: Repository) -> Repository:
            organization = organizations[repository.organization.name]
            return repository.everywhere(lambda each: replace(each, organization=organization))

        def left_over(repository: RepositoryId) -> Repository | None:
            found = composed.left_over(repository)
            return moved(found) if found is not None else None

        return replace(
            composed,
            git=own.git,
            binaries=own.binaries,
            providers=own.providers,
            steps=own.steps,
            sites=own.sites,
            zips=own.zips,
            probe=own.probe,
            registry=own.registry,
            owner=own.owner,
            processes=own.processes,
            logs=own.logs,
            organizations=organizations,
            repositories={
                identity: moved(repository) for identity, repository in composed.repositories.items()
            },
            left_over=left_over,
            disk_reserve=0,
        )

    def _organization(self, organization: Organization) -> Organization:
        return replace(
            organization,
            terraform=self.terraform,
            check_sandbox=lambda: "",
            open_state=lambda *_: self.place.open(),
            open_clouds=lambda *_: [self.cloud],
            open_places=lambda *_: {"aws": lambda: self.cloud},
        )
