"""The runs, leases and events that belong to an environment, and what polling knows of a repository."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from envmgr.domain.values.names import EnvironmentId


class RunKind(StrEnum):
    """What a run does."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"
    DEPLOY = "deploy"
    DRIFT = "drift"
    BUILD = "build"
    CHECK = "check"
    TEST = "test"

    @property
    def runs_steps(self) -> bool:
        """Whether it runs commands of a branch or of the configuration, and Terraform does nothing that could be taken over."""
        return self in (RunKind.DEPLOY, RunKind.BUILD, RunKind.CHECK, RunKind.TEST)


class RunStatus(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SUPERSEDED = "superseded"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class Changes:
    """How many resources a plan adds, changes and destroys."""

    add: int = 0
    change: int = 0
    destroy: int = 0

    def __str__(self) -> str:
        return f"{self.add} to add, {self.change} to change, {self.destroy} to destroy"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process beyond doubt: host and boot it runs in, PID, and its start time in clock ticks since boot.

    `machine` is the host's ID, which no other has; empty in records of releases that knew only names.
    """

    host: str
    boot: str
    pid: int
    started: int
    machine: str = ""

    def is_same(self, other: "ProcessId") -> bool:
        """Whether it is the same process, also where one of the records does not say on which machine."""
        unnamed = not (self.machine and other.machine)
        return replace(self, machine="") == replace(other, machine="") and (
            unnamed or self.machine == other.machine
        )

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One plan, apply, destroy, deploy, drift check, build, check or test with its log file (relative to the data folder).

    `owner` is the envmgr process that started it, `child` the Terraform process while one runs,
    `lock_id` the ID of the state lock that this run was seen to hold.
    """

    id: int
    environment: EnvironmentId
    kind: RunKind
    commit: str
    status: RunStatus
    started_at: datetime
    owner: ProcessId
    actor: str = ""
    child: ProcessId | None = None
    lock_id: str | None = None
    finished_at: datetime | None = None
    changes: Changes | None = None
    message: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended; without message or changes those it has stay."""

    run: int
    status: RunStatus
    at: datetime
    message: str = ""
    changes: Changes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one environment; a writer whose generation is old is refused."""

    environment: EnvironmentId
    generation: int
    owner: ProcessId
    purpose: str
    acquired_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened and who caused it (`actor`: `daemon`, `reconcile`, `user NAME`, `push (author NAME)`).

    Of no environment it may be of a `place`: an organization, or one of its repositories.
    """

    at: datetime
    environment: EnvironmentId | None
    place: tuple[str, str | None] | None = None
    action: str
    message: str
    actor: str
    commit: str | None = None
    run: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryState:
    """What polling knows of a repository between passes.

    `known_commit` is one that its default branch had, `known_address` stands for where, `offered_commit` is the
    default branch's in another history that waits for a person (see `evidence`).
    """

    default_branch: str | None = None
    listing_digest: str | None = None
    polled_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    error: str = ""
    known_commit: str | None = None
    known_address: str | None = None
    offered_commit: str | None = None
