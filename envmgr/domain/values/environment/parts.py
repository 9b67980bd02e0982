"""The parts of an environment's record: what belongs together, and comes and goes together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .claim import Output


class Guard(StrEnum):
    """What holds an environment back until a person lets it through."""

    MASS_DESTROY = "max_at_once"
    HISTORY = "history"
    LIMIT = "limits.environments"
    DRIFT = "drift.correct"
    TAG = "tag"
    APPROVAL = "approval"


class Suspension(StrEnum):
    """Who or what suspended an environment; `DESTROY` is a person who destroyed it, `CANCEL` one who cancelled what ran."""

    PERSON = "person"
    DESTROY = "destroy"
    TTL = "ttl"
    SCHEDULE = "schedule"
    CANCEL = "cancel"


class WaitsFor(StrEnum):
    """What holds an environment back, by time or by a person."""

    CONFIRMATIONS = "confirmations"
    GRACE_PERIOD = "grace-period"
    MASS_DESTROY = "max_at_once"
    HISTORY = "history"
    LIMIT = "limits.environments"
    DRIFT = "drift.correct"
    PROTECTED = "protected"
    PATTERN = "pattern"
    APPLICATION = "application"
    REPOSITORY = "repository"
    ORGANIZATION = "organization"
    SCHEDULE = "schedule"
    WINDOW = "window"
    FREEZE = "freeze"
    NEED = "need"
    DEPENDENTS = "dependents"
    ADOPTION = "adoption"
    MOVE = "move"
    ORIGIN = "origin"
    TAG = "tag"
    AFTER = "after"
    APPROVAL = "approval"
    REJECTED = "rejected"
    PULL_REQUEST = "pull_request"


@dataclass(frozen=True, slots=True)
class Waits:
    """What an environment is waiting for (`on`), and the facts of which its sentence is made (`about`), in their order.

    By these it is known whether the record says it already: the sentence is for people.
    """

    on: WaitsFor
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """That its branch was not seen again: `since` is the first complete listing without it.

    `count` are those in a row; a failed look sets it to 0 and leaves the time, since the branch was not seen by that.
    """

    since: datetime
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the cloud has, by the last apply that is known of.

    `commit` and `inputs` are what was applied last. `fingerprint` is the claim's that it surely is as; None from before
    a change of the infrastructure until its end is known.
    `identifiers` are what the cloud calls the resources that its state listed (None: not known, as before the first
    apply): only these are surely its own, whatever carries its tags.
    `serial` is the state's after the last apply: another one may have other outputs. `promoted_from` is the environment that
    had its commit before, where it came here for that. `changed` is what the last apply that changed anything did with
    which resource, in Terraform's words (`create`, `delete/create`), as far as it is kept.
    """

    commit: str | None = None
    fingerprint: str | None = None
    inputs: str | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    identifiers: tuple[str, ...] | None = None
    url: str | None = None
    serial: int | None = None
    promoted_from: str | None = None
    changed: tuple[tuple[str, str], ...] = ()


NOTHING_APPLIED = Applied()
"""What an environment has before its first apply, and after its destroy."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """That an environment is left alone, or brought down: the `reason`, who or what wants it (`by`), and since when (`at`).

    `over` is the commit that a push must replace to end it; None where a push does not. `at` is None where an early
    release did not say.
    """

    reason: str
    by: Suspension | None
    over: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """The `guard` that holds an environment back, and the one that a person has let it through (`approved`)."""

    guard: Guard | None = None
    approved: Guard | None = None


NO_HOLD = Hold()
"""Where no guard holds an environment, and none was passed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How often in a row the attempt `on` failed (commit, inputs and end), and when it is made again.

    `retry_at` is None where only a change or a person helps. What was only put off counts 0.
    """

    count: int = 0
    on: str = ""
    retry_at: datetime | None = None


NO_FAILURE = Failure()
"""Where the last attempt ended well, or none was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When an environment came to be, and how long it lives.

    `resumed_at` is when a person last brought it up by hand, `warned_at` the warning time that was last told of.
    """

    created_at: datetime
    pushed_at: datetime | None = None
    resumed_at: datetime | None = None
    expires_at: datetime | None = None
    warned_at: datetime | None = None

    @property
    def since(self) -> datetime:
        """When the present life began: with the last push, or when a person last brought it up by hand."""
        began = (at for at in (self.pushed_at, self.resumed_at) if at is not None)
        return max(began, default=self.created_at)


@dataclass(frozen=True, slots=True)
class Pin:
    """A commit that an environment is held at by a rollback, or by a promotion from another (`source`).

    `over` is what the branch pointed at then: another push ends the hold; None where only `resume` does.
    """

    commit: str
    over: str | None = None
    source: str = ""
