"""What a worker writes of an environment that it is changing, and of what kept it from that."""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.values.backoff import LONGEST, delay
from envmgr.domain.values.environment import (
    NO_FAILURE,
    NO_HOLD,
    Environment,
    Failure,
    Guard,
    Hold,
    Status,
    Suspension,
    Waits,
)

from .standing import stands


def waiting(before: Environment, message: str, waits: Waits, hold: Guard | None = None) -> Environment:
    """Held back by time or by a guard; a guard that held it before still does, if it is about this commit."""
    held = _still_held(before) if hold is None else replace(before.hold, guard=hold)
    return replace(stands(before, Status.WAITING, message, waits), hold=held)


def _still_held(before: Environment) -> Hold:
    """By what it was held; nothing where that is the plan, or the drift, of a commit that it is not to have any more."""
    guard = before.hold.guard
    is_void = (guard is Guard.APPROVAL and before.proposed is None) or (
        guard is Guard.DRIFT and before.applied.commit != before.target
    )
    return NO_HOLD if is_void else before.hold


def is_waiting(environment: Environment, waits: Waits) -> bool:
    """Whether the record says already that it waits, and for what."""
    return environment.status is Status.WAITING and environment.waits == waits


def interrupted(before: Environment, message: str) -> Environment:
    """Work was ended before its end: it goes on later, unless a person cancelled it."""
    if before.suspended_by is Suspension.CANCEL:
        return stands(before, Status.SUSPENDED, before.why_suspended)
    return stands(before, Status.WAITING, message)


def put_off(before: Environment, message: str, attempt: str, until: datetime) -> Environment:
    """What keeps an attempt from beginning passes by itself: it is made again then, and counts as no failure."""
    paused = replace(before.failure, on=attempt, retry_at=until)
    return replace(stands(before, Status.WAITING, message), failure=paused)


def failed(
    before: Environment, message: str, attempt: str, now: datetime, *, needs_person: bool = False, again: bool
) -> Environment:
    """An attempt failed; `again` says whether time alone brings it back where a person is needed."""
    count = before.failure.count + 1 if before.failure.on == attempt else 1
    pause = LONGEST if needs_person else delay(count)
    return replace(
        stands(before, Status.FAILED, message),
        failure=Failure(count, attempt, None if needs_person and not again else now + pause),
    )


def succeeded(before: Environment, message: str = "") -> Environment:
    """It has come to what its branch wants."""
    return replace(stands(before, Status.READY, message), failure=NO_FAILURE)


def warned(before: Environment, at: datetime, ends: datetime | None = None) -> Environment:
    """Its people were told that its life ends soon; `at` is the warning time that this was for, `ends` an end that moved."""
    return replace(before, life=replace(before.life, warned_at=at, expires_at=ends or before.life.expires_at))
