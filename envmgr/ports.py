"""What the shell around the core needs from the world, as Protocols; `adapters/` makes them true.

All of them are called from worker threads, several at once. Failures are `domain.errors`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from .domain.environment import (
    Changes,
    Environment,
    Event,
    Lease,
    Output,
    ProcessId,
    RepositoryState,
    Run,
    RunKind,
    RunStatus,
)
from .domain.names import EnvironmentId, RepositoryId
from .domain.observation import Listing, Observed
from .domain.plan import Plan
from .domain.state import LockInfo, State

Clock = Callable[[], datetime]
"""Gives the present as an aware UTC datetime."""

Redact = Callable[[str], str]
"""Gives the text back with every known secret value replaced."""


# --- git -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository's remote: where it is, and how to be let in.

    `url` is https, ssh (also `user@host:path`), file or a path. `username` and `password` are for
    https; `ssh_key` is a private key's text and `known_hosts` the text of a known_hosts file (without
    it the host key is accepted on first use and remembered). Secrets never reach argv or the mirror.
    """

    repository: RepositoryId
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssh_key: str | None = field(default=None, repr=False)
    known_hosts: str | None = None


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit as people know it: its object name, author and first line."""

    commit: str
    author: str
    subject: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an update asks of a commit: a folder's object name, a file's content, and the commit as people know it."""

    tree: str | None
    file: bytes | None
    info: CommitInfo


class Git(Protocol):
    """Remotes and their local bare mirrors, one for each repository."""

    def listing(self, remote: Remote, patterns: Sequence[str], default_branch: str | None) -> Listing:
        """A complete listing of at least the branches that match; `default_branch` is the one known so far.

        Raises Transient (unreachable, timed out, cut off) or NeedsPerson (refused, not found, empty,
        no default branch): in doubt it raises, so that no listing says less than the remote has.
        """
        ...

    def fetch(self, remote: Remote, branches: Mapping[str, str]) -> None:
        """Brings the branches' commits (branch → commit) into the mirror; those already there cost no network.

        Raises Transient where a commit did not come (the branch moved on: a new listing will tell).
        """
        ...

    def resolve(self, repository: RepositoryId, revision: str) -> str:
        """The full object name of a commit in the mirror; raises UsageError where there is none."""
        ...

    def tree(self, repository: RepositoryId, commit: str, path: str) -> str | None:
        """The object name of a folder (`.` for the root) in a commit; None where it is not a folder there."""
        ...

    def read_file(self, repository: RepositoryId, commit: str, path: str, limit: int) -> bytes | None:
        """A regular file's content in a commit; None where nothing is.

        Raises NeedsPerson where it is no regular file (a symbolic link, a folder) or above `limit` bytes.
        """
        ...

    def describe(self, repository: RepositoryId, commit: str) -> CommitInfo:
        """Author and subject of a commit in the mirror."""
        ...

    def inspect(
        self, repository: RepositoryId, commit: str, directory: str | None, file: str, limit: int
    ) -> Inspection:
        """`tree` (None where no directory is asked for), `read_file` and `describe` together, at a third of the cost."""
        ...

    def checkout(self, repository: RepositoryId, commit: str, destination: Path) -> None:
        """Makes `destination` hold exactly the files of the commit (created, or emptied of all else)."""
        ...

    def keep(self, environment: EnvironmentId, slot: str, commit: str) -> None:
        """Keeps a commit alive in the mirror for an environment by a ref of our own (`slot` names the use)."""
        ...

    def let_go(self, environment: EnvironmentId) -> None:
        """Ends all keeping for an environment."""
        ...

    def tidy(self, repository: RepositoryId, branches: Collection[str]) -> None:
        """Housekeeping: forgets branches other than these and removes what nothing refers to; kept commits stay."""
        ...


# --- Terraform -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where one environment's Terraform runs.

    `root` is the module's folder (the working directory), `data` its `TF_DATA_DIR` (outside the
    checkout, so that it survives the next one). `variables` become `TF_VAR_…`, `environment` is given to
    the process as it is, `backend` (type, settings with the key) is written as a `*.tf.json` override.
    `lock_file` is the `.terraform.lock.hcl` text to use where the code brings none.
    """

    root: Path
    data: Path
    binary: str
    backend: tuple[str, Mapping[str, object]]
    variables: Mapping[str, object]
    environment: Mapping[str, str] = field(repr=False)
    lock_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step that Terraform reports while it runs: a resource's address and what happens to it.

    `phase` is Terraform's own message type (`planned_change apply_start apply_progress apply_complete
    apply_errored refresh_start diagnostic change_summary …`), `text` the line for people.
    """

    phase: str
    text: str
    address: str = ""
    action: str = ""
    elapsed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What wants to know about a running Terraform.

    `log` is the run's log file (appended to, redacted); `progress` is called for every step, `started`
    with each child process, before it is waited for. `stop` says whether to end Terraform now
    (SIGINT first): asked several times a second.
    """

    log: Path
    redact: Redact = lambda text: text
    progress: Callable[[Progress], None] = lambda _: None
    started: Callable[[ProcessId], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """A plan that was saved: whether it changes anything, the counts, and the lock file's text."""

    has_changes: bool
    changes: Changes
    lock_file: str | None


class Terraform(Protocol):
    """Terraform (or OpenTofu) as a child process; one command at a time in one workspace.

    Failures: NeedsPerson (code that does not parse, a missing variable, a backend block of its own),
    Transient (a provider's or the network's error, a time-out), RetryLater (the state is locked).
    The message names file and line where Terraform gave them.
    """

    def version(self, binary: str) -> str:
        """The binary's version, `1.11.4`; without starting it where it did not change since last asked.

        Raises NeedsPerson where it is absent, too old or no Terraform.
        """
        ...

    def plan(self, workspace: Workspace, out: Path, watch: Watch, *, destroy: bool = False) -> PlanResult:
        """Initialises where needed, plans and saves the plan at `out`."""
        ...

    def show(self, workspace: Workspace, plan: Path) -> Plan:
        """What a saved plan holds."""
        ...

    def render(self, workspace: Workspace, plan: Path) -> str:
        """A saved plan in Terraform's own words, for people; sensitive values are masked by Terraform."""
        ...

    def apply(self, workspace: Workspace, plan: Path, watch: Watch) -> Mapping[str, Output]:
        """Applies exactly a saved plan and gives the outputs (sensitive ones without value).

        Raises StalePlan where the state moved on since the plan was made.
        """
        ...

    def push_errored_state(self, workspace: Workspace, watch: Watch) -> bool:
        """Pushes an `errored.tfstate` that an earlier apply left; False where there is none."""
        ...

    def unlock(self, workspace: Workspace, lock_id: str, watch: Watch) -> None:
        """Breaks the state lock with exactly this ID (`force-unlock`)."""
        ...


class Modules(Protocol):
    """The Terraform modules that come with envmgr, kept by content while in use."""

    def names(self) -> Sequence[str]:
        """The modules there are."""
        ...

    def tree(self, name: str) -> str:
        """What identifies a module's content now; raises NeedsPerson where there is no such module."""
        ...

    def keep(self, name: str) -> str:
        """Keeps the module as it is now; gives its tree."""
        ...

    def checkout(self, name: str, tree: str, destination: Path) -> None:
        """Makes `destination` hold exactly a kept version's files."""
        ...

    def prune(self, used: Iterable[tuple[str, str]]) -> int:
        """Deletes kept versions that are not among the used (name, tree); gives their number."""
        ...


class Binaries(Protocol):
    """Terraform binaries kept by version."""

    def keep(self, binary: str, version: str) -> None:
        """Keeps a binary under its version."""
        ...

    def find(self, version: str) -> str | None:
        """The path of a kept version."""
        ...

    def prune(self, used: Iterable[str]) -> int:
        """Deletes versions that are not among the used; gives their number."""
        ...


# --- state and cloud -------------------------------------------------------------------------


class StateStore(Protocol):
    """An organization's Terraform backend, seen from Python."""

    def ensure(self) -> str:
        """Checks that container, bucket or folder is there, creates it (with versioning) if not; says what it found.

        Raises NeedsPerson (wrong credential, forbidden) or Transient (unreachable).
        """
        ...

    def read(self, key: str) -> State | None:
        """The state at a key; None where there is none."""
        ...

    def lock(self, key: str) -> LockInfo | None:
        """Who holds the lock of a state; None where nobody does."""
        ...

    def archive(self, key: str, now: datetime) -> None:
        """Keeps a last copy below `archive/` and deletes the state; quiet where it is gone already."""
        ...

    def keys(self) -> Sequence[str]:
        """The keys of all states, archived copies left out."""
        ...

    def prune(self, before: datetime) -> int:
        """Deletes archived copies made before a time; gives their number."""
        ...


class Cloud(Protocol):
    """The cloud as the tags show it."""

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """Identifiers (ARN, Azure resource ID) of what still carries all of these tags.

        Raises Transient or NeedsPerson where that cannot be known: nothing found means nothing is there.
        """
        ...


# --- the store -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that somebody else holds."""

    lease: Lease


class Store(Protocol):
    """envmgr's own records, durable when a call returns. One database, several processes."""

    def environments(
        self,
        *,
        organization: str | None = None,
        repository: RepositoryId | None = None,
        destroyed: bool = False,
    ) -> Sequence[Environment]:
        """The environments, by name; destroyed ones only on request."""
        ...

    def environment(self, identity: EnvironmentId) -> Environment | None:
        """One environment, destroyed or not."""
        ...

    def touched(self, since: datetime) -> Sequence[RepositoryId]:
        """The repositories of which an environment was written since a time, by whatever process."""
        ...

    def revise(
        self, repository: RepositoryId, revision: Callable[[Sequence[Environment]], Observed]
    ) -> Observed:
        """Applies what a look at the remote says, in one write transaction over a repository's environments.

        `revision` gets all of them (destroyed too); new ones are inserted (or re-opened where the name was
        used before), of changed ones only the observed columns are written: branch, commit, absences,
        absent_since, refused, hold, approved, pushed_at (and status with message where refused or
        destroyed). Everything else belongs to the holder of the lease. `revision` has no effects of its
        own: it may be asked more than once, and what it says last counts.
        """
        ...

    def update(
        self, identity: EnvironmentId, lease: Lease | None, now: datetime, **changes: object
    ) -> Environment:
        """Writes the named fields of an environment and gives it as it is now.

        With a lease its generation is checked in the same transaction: LeaseLost where it is not the newest.
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
    ) -> Lease | Held:
        """Takes the lease of an environment if nobody has it: free, expired, or its owner provably dead.

        One atomic step; the generation grows with every acquisition. The same owner asking again is
        refused too (`Held`): a lease belongs to one piece of work.
        """
        ...

    def renew(self, lease: Lease, now: datetime, duration: timedelta) -> Lease:
        """Moves the end of a lease; LeaseLost where it was taken over."""
        ...

    def release(self, lease: Lease) -> None:
        """Gives a lease back; quiet where it was taken over."""
        ...

    def leases(self, now: datetime) -> Mapping[EnvironmentId, Lease]:
        """All leases that are held now."""
        ...

    def start_run(
        self,
        environment: EnvironmentId,
        kind: RunKind,
        commit: str,
        owner: ProcessId,
        actor: str,
        now: datetime,
    ) -> Run:
        """Records a run as running, with an id of its own."""
        ...

    def update_run(self, run: int, **changes: object) -> None:
        """Writes named fields of a run (child, lock_id, log, changes, message)."""
        ...

    def finish_run(
        self, run: int, status: RunStatus, now: datetime, message: str = "", changes: Changes | None = None
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

    def record(self, event: Event) -> None:
        """Appends an event."""
        ...

    def events(
        self,
        environment: EnvironmentId | None = None,
        *,
        since: datetime | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Sequence[Event]:
        """Events in the order they happened, those with an id above `after`; with a limit the newest ones."""
        ...

    def repository(self, repository: RepositoryId) -> RepositoryState:
        """What polling knows of a repository; the empty state where it was never polled."""
        ...

    def save_repository(self, repository: RepositoryId, state: RepositoryState) -> None:
        """Writes what polling knows."""
        ...

    def prune(self, before: datetime) -> int:
        """Deletes destroyed environments, ended runs and events older than a time; gives the number of rows."""
        ...

    def check(self) -> str:
        """Says in a sentence that the database is sound and which one it is, or raises."""
        ...

    def close(self) -> None:
        """Closes connections."""
        ...
