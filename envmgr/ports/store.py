"""envmgr's own records."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from envmgr.domain.audit.standing import Look, Outcome, Standing
from envmgr.domain.rules.observation import Observed
from envmgr.domain.rules.transitions import Change
from envmgr.domain.values.environment import (
    Changes,
    Environment,
    Event,
    Lease,
    ProcessId,
    RepositoryState,
    Run,
    RunEnd,
    RunKind,
    RunStatus,
)
from envmgr.domain.values.names import EnvironmentId, RepositoryId

from .asking import Requests, Sessions, Tokens
from .figures import Figures
from .freezes import Freezes
from .hooks import Hooks
from .hosts import Hosts, LeftStates, Places
from .outbox import Outbox
from .pages import Pages
from .pipeline import Pipeline
from .pull_requests import PullRequests


@dataclass(frozen=True, slots=True)
class LeaseTaken:
    """A lease that somebody else holds."""

    lease: Lease


class Store(Protocol):
    """envmgr's own records, durable when a call returns. One database, several processes."""

    @property
    def tokens(self) -> Tokens:
        """Tokens of those who ask over the network."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Who is signed in at the page."""
        ...

    @property
    def requests(self) -> Requests:
        """What was asked for over the network."""
        ...

    @property
    def pull_requests(self) -> PullRequests:
        """Pull requests as their forges told of them last."""
        ...

    @property
    def freezes(self) -> Freezes:
        """What is frozen."""
        ...

    @property
    def pages(self) -> Pages:
        """Records page by page."""
        ...

    @property
    def figures(self) -> Figures:
        """Figures over all records."""
        ...

    @property
    def pipeline(self) -> Pipeline:
        """What lies between a commit and production."""
        ...

    @property
    def hosts(self) -> Hosts:
        """Who works by these records."""
        ...

    @property
    def outbox(self) -> Outbox:
        """What forges are to be told."""
        ...

    @property
    def left_states(self) -> LeftStates:
        """States that could not be written to their backends."""
        ...

    @property
    def places(self) -> Places:
        """How many environments of an organization are worked on at once, over all hosts."""
        ...

    @property
    def hooks(self) -> Hooks:
        """What comes from others unasked, and how far others are told."""
        ...

    def environments(
        self,
        *,
        organization: str | None = None,
        repository: RepositoryId | None = None,
        name: str | None = None,
        destroyed: bool = False,
    ) -> Sequence[Environment]:
        """The environments, by name and application; destroyed ones only on request.

        `name` are all records of the environments of a name: its applications, where it has several.
        """
        ...

    def environment(self, identity: EnvironmentId) -> Environment | None:
        """One environment, destroyed or not."""
        ...

    def touched(self, since: datetime) -> Mapping[RepositoryId, frozenset[Hashable]]:
        """The repositories of which an environment was written since a time, by whatever process, in order of name.

        Each with a mark for the last write of each such environment: no other write of it has the same, not even one
        that says the same time.
        """
        ...

    def revise(
        self,
        repository: RepositoryId,
        revision: Callable[[Sequence[Environment]], Observed],
        tell: Callable[[Sequence[Environment], Observed], Iterable[Event]] = lambda *_: (),
    ) -> Observed:
        """Applies what a look at the remote says, in one write transaction over a repository's environments.

        `revision` gets all of them (destroyed too); new ones are inserted (or re-opened where the name was
        used before), of changed ones only the observed columns are written: branch, commit, absences,
        absent_since, refused, hold, approved, pushed_at (and status with message where refused or
        destroyed). Everything else belongs to the holder of the lease. `revision` has no effects of its
        own: it may be asked more than once, and what it says last counts. `tell` gives the events of
        what changes, of what was there before and what is said of it; they are written along with it.
        """
        ...

    def restore(self, lost: Sequence[Environment]) -> Sequence[EnvironmentId]:
        """Brings back records that were lost, all or none of them; gives the names of those it wrote.

        What is recorded already stays as it is; only an open record of the same branch that has no claim
        is given claim and resources.
        """
        ...

    def update(
        self,
        identity: EnvironmentId,
        lease: Lease | None,
        now: datetime,
        change: Change,
        event: Event | None = None,
        ends: RunEnd | None = None,
    ) -> Environment:
        """Applies a change to an environment as it is recorded now, with an event that says why; gives it as it is then.

        `ends` is the run that came to its end by that. One transaction: nobody writes to the record between what `change` is given and what it gives; what it raises is
        raised, and nothing is written. With a lease its generation is checked there, too: LeaseLost where it is not
        the newest.
        """
        ...

    def acquire(
        self,
        identity: EnvironmentId,
        owner: ProcessId,
        purpose: str,
        now: datetime,
        duration: timedelta,
        is_dead: Callable[[ProcessId], bool],
        is_living: Callable[[ProcessId], bool] = lambda _: False,
    ) -> Lease | LeaseTaken:
        """Takes the lease of an environment if nobody has it: free, or its owner provably dead.

        An expired one is taken as well, unless its owner provably lives: clocks may be set, processes not. Where several
        hosts share the database, it is by its clock that leases begin and end, here and below, and `now` is not looked at.
        One atomic step; the generation grows with every acquisition. The same owner asking again is
        refused too (`LeaseTaken`): a lease belongs to one piece of work.
        """
        ...

    def renew(self, lease: Lease, now: datetime, duration: timedelta) -> Lease:
        """Moves the end of a lease; LeaseLost where it was taken over."""
        ...

    def release(self, lease: Lease) -> None:
        """Gives a lease back; quiet where it was taken over."""
        ...

    def leases(self, now: datetime, *, over: bool = False) -> Mapping[EnvironmentId, Lease]:
        """All leases that are held now; `over`: also those whose term is over, while nobody gave them back or has taken them."""
        ...

    def start_run(
        self,
        environment: EnvironmentId,
        kind: RunKind,
        commit: str,
        owner: ProcessId | Lease,
        actor: str,
        now: datetime,
        log: Callable[[int], str] = lambda _: "",
    ) -> Run:
        """Records a run as running, with an id of its own; `log` gives its log's name by that.

        With a lease, here and in what else is recorded of runs, LeaseLost where it is not the newest: who was stopped
        for longer than it held begins nothing, and says nothing of what another has taken over.
        """
        ...

    def set_child(self, run: int, child: ProcessId | None, lease: Lease | None = None) -> None:
        """Records the Terraform process that a run has now."""
        ...

    def set_lock(self, run: int, lock_id: str | None, lease: Lease | None = None) -> None:
        """Records the state lock that a run was seen to hold."""
        ...

    def finish_run(
        self,
        run: int,
        status: RunStatus,
        now: datetime,
        message: str = "",
        changes: Changes | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Ends a run."""
        ...

    def run(self, run: int) -> Run | None:
        """One run."""
        ...

    def runs(
        self,
        environment: EnvironmentId | None = None,
        *,
        status: RunStatus | None = None,
        limit: int | None = None,
    ) -> Sequence[Run]:
        """Runs, newest first."""
        ...

    def record(self, event: Event, lease: Lease | None = None) -> None:
        """Appends an event; with a lease LeaseLost where it is not the newest."""
        ...

    def events(
        self,
        environment: EnvironmentId | None = None,
        *,
        since: datetime | None = None,
        after: int = 0,
        limit: int | None = None,
        actions: Collection[str] | None = None,
    ) -> Sequence[Event]:
        """Events in the order they happened, those with an id above `after`; with a limit the newest ones.

        With `actions` only these.
        """
        ...

    def repository(self, repository: RepositoryId) -> RepositoryState:
        """What polling knows of a repository; the empty state where it was never polled."""
        ...

    def polled(self) -> Mapping[RepositoryId, RepositoryState]:
        """What polling knows of all repositories that were ever polled."""
        ...

    def unreachable(self) -> Mapping[RepositoryId, RepositoryState]:
        """The repositories whose last look failed, with what polling knows of them."""
        ...

    def save_repository(self, repository: RepositoryId, state: RepositoryState) -> None:
        """Writes what polling knows."""
        ...

    def last_look(self, look: Look, organization: str) -> datetime | None:
        """When an organization was last looked at in that way, by whatever process; None where it never was."""
        ...

    def take_findings(
        self,
        look: Look,
        organization: str,
        now: datetime,
        found: Sequence[Standing],
        is_over: Callable[[Standing], bool],
        tell: Callable[[Outcome], Iterable[Event]],
    ) -> None:
        """Takes up what a look at an organization found, and that it was looked at, in one write transaction.

        What stands already keeps the time since when; what was not found again goes where that `is_over`, and else
        stays as it was. `tell` gives the events of what is new and of what is over; they are written along with it.
        """
        ...

    def prune(self, before: datetime) -> int:
        """Deletes destroyed environments, ended runs, requests and sessions and events older than a time; gives the number of rows.

        So are builds that no open environment has or is to have, and releases of environments that are open no more.
        Findings stay: they end when a look no longer sees them.
        """
        ...

    def check(self) -> str:
        """Says in a sentence that the database is sound and which one it is, or raises."""
        ...

    def close(self) -> None:
        """Closes connections."""
        ...
