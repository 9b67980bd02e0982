"""An environment as envmgr knows it, and the runs, leases and events that belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .declared import Untaken
from .deployment import Deployment
from .drift import Drift, checks_warning
from .health import Health
from .names import EnvironmentId
from .schedule import Schedule


class Status(StrEnum):
    """Where an environment stands; the words of `envmgr list`."""

    PENDING = "pending"
    RUNNING = "running"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    DESTROYING = "destroying"
    DESTROYED = "destroyed"


AT_WORK = (Status.RUNNING, Status.DESTROYING)
"""Where a run is changing an environment, or died doing so."""


class Guard(StrEnum):
    """What holds an environment back until a person lets it through."""

    MASS_DESTROY = "max_at_once"
    HISTORY = "history"
    LIMIT = "limits.environments"
    DRIFT = "drift.correct"


class Suspension(StrEnum):
    """Who or what suspended an environment; `DESTROY` is a person who destroyed it, `CANCEL` one who cancelled what ran."""

    PERSON = "person"
    DESTROY = "destroy"
    TTL = "ttl"
    SCHEDULE = "schedule"
    CANCEL = "cancel"


class SourceKind(StrEnum):
    """Where an environment's Terraform code comes from."""

    DIRECTORY = "directory"
    MODULE = "module"


@dataclass(frozen=True, slots=True)
class Source:
    """The Terraform code of an environment: a folder of the branch, or a module kept by its content.

    `path` is the folder within the branch or the module's name. `tree` identifies the content of `scope`:
    a git tree's object name, or the SHA-256 of the module's files. `scope` is `path`, or `.` where the
    code reaches outside its folder, so that a change anywhere in the branch counts.
    """

    kind: SourceKind
    path: str
    tree: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """All that destroying an environment needs, durable from before the apply it describes.

    `variables` are Terraform's input variables as JSON values (no credentials: those are read from
    the configuration at the time), `backend` the backend's type and settings without `key`,
    `lock_file` the text of `.terraform.lock.hcl` once known. `needs` are the applications of the same
    environment that it needs, each with the serial of the state that its hidden outputs were read from
    (0: it has none): they are read again there whenever Terraform runs, and written down nowhere; `met` are
    the commits that they had then. `modules` identifies the modules from elsewhere that it was planned with; empty where it has none, or a claim of an earlier release. `untaken` are variables
    that the code takes no notice of.
    `adopts` is the SHA-256 of the state of what exists already: until that is in its place and its plan was approved once
    more, nothing is done by this claim. `moves` is the other place that may have a copy of the state, while it is on its
    way: `backend` is where it counts.
    """

    commit: str
    source: Source
    variables: Mapping[str, object]
    tags: Mapping[str, str]
    terraform_version: str
    backend: tuple[str, Mapping[str, object]]
    fingerprint: str
    lock_file: str | None = None
    needs: Mapping[str, int] = field(default_factory=dict)
    met: Mapping[str, str] = field(default_factory=dict)
    modules: str = ""
    untaken: tuple[Untaken, ...] = ()
    adopts: str = ""
    moves: tuple[str, Mapping[str, object]] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A Terraform output; a sensitive one carries no value here."""

    value: object
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """A commit that an environment is held at by a rollback.

    `over` is what the branch pointed at then: another push ends the hold; None where only `resume` does.
    """

    commit: str
    over: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One branch's environment, or one application of it. Times are aware UTC datetimes.

    `commit` is what the branch points at, `applied_commit` what the cloud has. `absences` counts the
    complete listings in a row without the branch, `absent_since` is the first of them; a failed look sets
    the count to 0 and leaves the time, since the branch was not seen again either.
    `claim` is there from before the first apply until a destroy is verified: while it is, there may be
    resources. `failures` counts failed runs in a row for `failed_on` (commit and inputs);
    `retry_at` is None where only a change or a person helps. `hold` is the guard that holds it,
    `approved` the guard a person has let it through.
    `suspended` says why it is suspended (empty: it is not), `suspended_by` who did it; `suspended_commit` is the
    commit that a push must replace to end it, None where a push does not. `resumed_at` is when a person last
    brought it up by hand, `warned_at` the warning time that was last told of. `schedule` is the branch's own.
    `deployment` is what of its code runs (None: nothing is to be deployed but what Terraform applies), `health`
    how that answers.
    `ending` says that what it has is being destroyed, or was in part: no wish calls that off any more.
    `identifiers` are what the cloud calls the resources that its state listed (None: not known, as before the first
    apply): only these are surely its own, whatever carries its tags.
    `serial` is the state's after the last apply: another one may have other outputs.
    """

    id: EnvironmentId
    branch: str
    commit: str
    status: Status = Status.PENDING
    message: str = ""
    absences: int = 0
    absent_since: datetime | None = None
    refused: str = ""
    claim: Claim | None = None
    applied_commit: str | None = None
    applied_fingerprint: str | None = None
    applied_inputs: str | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    url: str | None = None
    suspended: str = ""
    suspended_commit: str | None = None
    hold: Guard | None = None
    approved: Guard | None = None
    failures: int = 0
    failed_on: str = ""
    retry_at: datetime | None = None
    expires_at: datetime | None = None
    pushed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    suspended_by: Suspension | None = None
    resumed_at: datetime | None = None
    warned_at: datetime | None = None
    pin: Pin | None = None
    schedule: Schedule | None = None
    drift: Drift | None = None
    deployment: Deployment | None = None
    health: Health | None = None
    serial: int | None = None
    identifiers: tuple[str, ...] | None = None
    ending: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is still to be looked after: not yet destroyed and verified."""
        return self.status is not Status.DESTROYED

    @property
    def is_missing(self) -> bool:
        """Whether the last complete listing did not show its branch (which does not make it surely gone)."""
        return self.absent_since is not None

    @property
    def lives_since(self) -> datetime:
        """When its present life began: with the last push, or when a person last brought it up by hand."""
        began = (at for at in (self.pushed_at, self.resumed_at) if at is not None)
        return max(began, default=self.created_at)

    @property
    def target(self) -> str:
        """The commit it is to have: what the branch points at, unless a rollback holds it at another."""
        return self.pinned_commit or self.commit

    @property
    def pinned_commit(self) -> str | None:
        """The commit that a rollback holds it at; None where none does, or a push has ended it."""
        pin = self.pin
        return pin.commit if pin is not None and pin.over in (None, self.commit) else None

    @property
    def suspension(self) -> tuple[Suspension | None, str | None, str] | None:
        """Which suspension it is under, to know it from another one: the same person may say the same twice."""
        return (self.suspended_by, self.suspended_commit, self.suspended) if self.suspended else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What somebody should know of it though it is as its branch wants it."""
        if self.status not in (Status.READY, Status.DEGRADED):
            return ()
        checks = checks_warning(self.drift.failing_checks if self.drift else ())
        return (*filter(None, [checks]), *map(str, self.claim.untaken if self.claim else ()))

    @property
    def said(self) -> str:
        """Its message, and what it warns of."""
        return " ".join(filter(None, (self.message, *self.warnings)))

    @property
    def label(self) -> str:
        """How messages name it: `acme/shop/alice`, of an application `acme/shop/alice:api`."""
        return str(self.id)


class RunKind(StrEnum):
    """What a run does."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"
    DEPLOY = "deploy"
    DRIFT = "drift"


class RunStatus(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SUPERSEDED = "superseded"


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
    """A process beyond doubt: host and boot it runs in, PID, and its start time in clock ticks since boot."""

    host: str
    boot: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One plan, apply, destroy, deploy or drift check with its log file (relative to the data folder).

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
    """One thing that happened and who caused it (`actor`: `daemon`, `reconcile`, `user NAME`, `push (author NAME)`)."""

    at: datetime
    environment: EnvironmentId | None
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
