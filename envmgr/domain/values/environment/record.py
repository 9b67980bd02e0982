"""An environment as envmgr knows it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Drift, checks_warning
from envmgr.domain.values.health import Health
from envmgr.domain.values.names import EnvironmentId, ref_component
from envmgr.domain.values.pipeline.proposal import Proposal
from envmgr.domain.values.pipeline.verdict import Verdict
from envmgr.domain.values.schedule import Schedule

from .claim import Claim
from .origin import FROM_BRANCH, Origin, OriginKind, ref_of
from .parts import (
    NO_FAILURE,
    NO_HOLD,
    NOTHING_APPLIED,
    Absence,
    Applied,
    Failure,
    Hold,
    Life,
    Pin,
    Suspended,
    Suspension,
    Waits,
)
from .tagged import Tagged


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One branch's environment, or one application of it. Times are aware UTC datetimes.

    `origin` is what it comes from, `branch` the name of that: also a tag's, or that of a pull request's head. `commit`
    is what it points at, of a tag as it is noted (`tagged`), `applied` what the cloud has.
    `claim` is there from before the first apply until a destroy is verified: while it is, there may be
    resources. `waits` says what it is waiting for where `message` tells of that, `silent_since` that nothing moves any
    more where it is worked on (None: something does). `refused` says why its branch gets none (empty: it does). `schedule` is the branch's own.
    `deployment` is what of its code runs (None: nothing is to be deployed but what Terraform applies), `health`
    how that answers, `tests` what its tests said last, `proposal` the last plan that was to be approved.
    `ending` says that what it has is being destroyed, or was in part: no wish calls that off any more.
    """

    id: EnvironmentId
    branch: str
    origin: Origin = FROM_BRANCH
    tagged: Tagged | None = None
    commit: str
    status: Status = Status.PENDING
    message: str = ""
    waits: Waits | None = None
    silent_since: datetime | None = None
    refused: str = ""
    absence: Absence | None = None
    claim: Claim | None = None
    applied: Applied = NOTHING_APPLIED
    suspended: Suspended | None = None
    hold: Hold = NO_HOLD
    failure: Failure = NO_FAILURE
    life: Life
    pin: Pin | None = None
    schedule: Schedule | None = None
    drift: Drift | None = None
    deployment: Deployment | None = None
    health: Health | None = None
    tests: Verdict | None = None
    proposal: Proposal | None = None
    ending: bool = False
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it is still to be looked after: not yet destroyed and verified."""
        return self.status is not Status.DESTROYED

    @property
    def is_missing(self) -> bool:
        """Whether the last complete listing did not show its branch (which does not make it surely gone)."""
        return self.absence is not None

    @property
    def absences(self) -> int:
        """How many complete listings in a row did not show its branch."""
        return self.absence.count if self.absence is not None else 0

    @property
    def suspended_by(self) -> Suspension | None:
        """Who or what suspended it; None where nobody did, or an early release that did not say."""
        return self.suspended.by if self.suspended is not None else None

    @property
    def why_suspended(self) -> str:
        """Why it is suspended; empty where it is not."""
        return self.suspended.reason if self.suspended is not None else ""

    @property
    def target(self) -> str:
        """The commit it is to have: what the branch points at, unless a rollback holds it at another."""
        return self.pinned_commit or self.commit

    @property
    def proposed(self) -> Proposal | None:
        """The plan that people are, or were, asked about of the commit that it is to have; one of another is void."""
        return self.proposal if self.proposal is not None and self.proposal.commit == self.target else None

    @property
    def pinned_commit(self) -> str | None:
        """The commit that a rollback holds it at; None where none does, or a push has ended it."""
        pin = self.pin
        return pin.commit if pin is not None and pin.over in (None, self.commit) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What somebody should know of it though it is as its branch wants it."""
        is_told = self.drift is not None or self.claim is not None
        if not is_told or self.status not in (Status.READY, Status.DEGRADED):
            return ()
        checks = checks_warning(self.drift.failing_checks if self.drift else ())
        return (*filter(None, [checks]), *map(str, self.claim.untaken if self.claim else ()))

    @property
    def said(self) -> str:
        """Its message, and what it warns of."""
        return " ".join(filter(None, (self.message, self.silence, self.way_back, *self.warnings)))

    @property
    def way_back(self) -> str:
        """The sentence for a way back that failed; empty where none did, or it stands otherwise by now."""
        back = self.deployment.back if self.deployment is not None else None
        return str(back) if back is not None and self.status is Status.FAILED else ""

    @property
    def retry_at(self) -> datetime | None:
        """When what failed is tried again; None where only a change or a person helps, or nothing did."""
        back = self.deployment.back if self.deployment is not None else None
        return self.failure.retry_at or (back.retry_at if back is not None else None)

    @property
    def silence(self) -> str:
        """The sentence for one that is worked on where nothing moves any more; empty where something does."""
        since = self.silent_since if self.status in AT_WORK else None
        if since is None:
            return ""
        return (
            f"Silent since {since:%Y-%m-%d %H:%M:%S} UTC: it prints nothing new and uses no processor time, so others may "
            f"start meanwhile. `envmgr logs {self.label}` shows its last lines, `envmgr cancel {self.label}` ends it."
        )

    @property
    def ref(self) -> str:
        """What git finds its commit by: a branch's name, or in full a tag, or a pull request's own ref."""
        return ref_of(self.origin, self.branch)

    @property
    def followed(self) -> str:
        """What it comes from, for a sentence: `branch main`, `tag v1.4.0`, `pull request 7`."""
        if self.origin.kind is OriginKind.PULL_REQUEST:
            return f"pull request {self.origin.number}"
        kind = "tag" if self.origin.kind is OriginKind.TAG else "branch"
        return f"{kind} {ref_component(self.branch)}"

    @property
    def restoring(self) -> str:
        """What a person does where that is gone, as a sentence."""
        return "Restore it, or make a newer one." if self.origin.kind is OriginKind.TAG else "Push it again."

    @property
    def line(self) -> str:
        """What its resources carry as `branch`: a name that stays the same from one tag to the next, as else each release would change all."""
        return self.id.name if self.origin.kind is OriginKind.TAG else self.branch

    @property
    def label(self) -> str:
        """How messages name it: `acme/shop/alice`, of an application `acme/shop/alice:api`."""
        return str(self.id)
