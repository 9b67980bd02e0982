"""What every piece of work needs, gathered once by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from envmgr.domain.documents.owner import Installation
from envmgr.domain.documents.seal import Seal
from envmgr.domain.rules.severity import level_of
from envmgr.domain.values.asking.person import Place
from envmgr.domain.values.environment import Event, Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.named import Named
from envmgr.ports import (
    Binaries,
    Clock,
    Deployer,
    Git,
    Modules,
    Policies,
    Probe,
    Processes,
    Progress,
    Providers,
    Steps,
    Store,
)
from envmgr.ports.registry import Registry

from .forge_tally import ForgeTally
from .hosts import Fleet
from .layout import Layout
from .leases import Leases
from .log_keeper import LogKeeper
from .organization import Organization, Repository

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The outside world and the configuration, as the steps see them.

    `actor` is who causes what is done (`daemon`, `user NAME`). `repositories` are those of the configuration,
    `left_over` stands in for one that is in it no more, so that its environments can be ended. `stopping` says whether
    Terraform is to be ended now. `providers` gives those of an organization. `progress` is told each step of a running
    Terraform. `seal` proves what is kept beside the states; where it `accepts_unsealed`, a person has said to do without.
    `fleet` is this host among others, `forge_tally` what this process counts of forges, `forge_accounts` what those share who ask one as the same, for as long as this process lives; `logs` puts those of runs where they can read them.
    `installation` says by which records all is done; `takes_over` whether organizations that others worked on are taken.
    """

    layout: Layout
    store: Store
    git: Git
    modules: Modules
    binaries: Binaries
    providers: Callable[[str], Providers]
    leases: Leases
    fleet: Fleet
    steps: Steps
    sites: Deployer
    zips: Deployer
    probe: Probe
    registry: Registry
    policies: Policies
    clock: Clock
    owner: ProcessId
    processes: Processes
    actor: str
    organizations: Mapping[str, Organization]
    repositories: Mapping[RepositoryId, Repository]
    left_over: Callable[[RepositoryId], Repository | None] = lambda _: None
    disk_reserve: int
    retention: timedelta
    seal: Seal
    accepts_unsealed: bool = False
    installation: Installation
    takes_over: bool = False
    warnings: Sequence[str] = ()
    stopping: Callable[[], bool] = lambda: False
    forge_tally: ForgeTally = field(default_factory=ForgeTally)
    forge_accounts: Mapping[object, Any] = field(default_factory=dict)
    progress: Callable[[EnvironmentId, Progress], None] = field(default=lambda *_: None)
    logs: LogKeeper = field(default_factory=LogKeeper)

    def repository(self, repository: RepositoryId) -> Repository | None:
        """A repository, or what stands in for it; None where its organization is not in the configuration."""
        return self.repositories.get(repository) or self.left_over(repository)

    @property
    def named(self) -> Sequence[tuple[RepositoryId, Named]]:
        """The named environments of the configuration, each with its repository."""
        return [(name, each) for name, found in self.repositories.items() for each in found.asked.named]

    def configured(self, environment: EnvironmentId) -> Repository | None:
        """What its repository is for an environment; None where that is not in the configuration."""
        found = self.repositories.get(environment.repository_id)
        return found.of(environment) if found is not None else None

    def record(
        self,
        of: EnvironmentId | Place | None,
        action: str,
        message: str,
        *,
        commit: str | None = None,
        run: int | None = None,
        actor: str | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Appends an event; see `event`. With a lease LeaseLost where another has it by now."""
        self.store.record(self.event(of, action, message, commit=commit, run=run, actor=actor), lease)

    def event(
        self,
        of: EnvironmentId | Place | None,
        action: str,
        message: str,
        *,
        commit: str | None = None,
        run: int | None = None,
        actor: str | None = None,
    ) -> Event:
        """An event of now, by this process's actor unless another is named; logged, for the caller to write.

        It is `of` an environment, of an organization or repository as a whole, or of neither.
        """
        environment, place = (None, of) if isinstance(of, tuple) else (of, None)
        bound = {"environment": environment and str(environment), "run": run}
        told = getattr(log, level_of(action))
        told(message, action=action, **{key: value for key, value in bound.items() if value is not None})
        return Event(
            at=self.clock(),
            environment=environment,
            place=place,
            action=action,
            message=message,
            actor=actor or self.actor,
            commit=commit,
            run=run,
        )
