"""What a person wants of an environment, as its record says it until it is done.

What would be lost on one that is being destroyed is refused there, within the write: whoever begins to destroy asks the
record in a write of his own, so one of the two sees the other.
"""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import (
    AT_WORK,
    Environment,
    Failure,
    Guard,
    Pin,
    Status,
    Suspended,
    Suspension,
)

from .standing import says, stands


def suspended(before: Environment, because: str, now: datetime) -> Environment:
    """Left alone until it is resumed; what runs goes on to its end, but for a destroy that nobody confirmed.

    Raises NeedsPerson where it is being destroyed for good, or is destroyed: what is made anew knows nothing of it.
    """
    _check_not_ending(before)
    if not before.is_open:
        raise NeedsPerson(
            f"{before.label} is destroyed: there is nothing to suspend until a push makes it again."
        )
    if before.status is Status.DESTROYING and before.suspended_by is Suspension.DESTROY:
        raise NeedsPerson(f"{before.label} is being destroyed: {before.why_suspended}")
    status = before.status if before.status in AT_WORK else Status.SUSPENDED
    return replace(stands(before, status, because), suspended=Suspended(because, Suspension.PERSON, at=now))


def cancelled(before: Environment, because: str, now: datetime) -> Environment:
    """What runs there is to end; it is not begun again until a push or `resume`."""
    return replace(before, suspended=Suspended(because, Suspension.CANCEL, over=before.commit, at=now))


def came_too_late(now: Environment, before: Environment) -> Environment:
    """What was to be cancelled had ended by then: it is held back by no more than before."""
    if now.suspended_by is not Suspension.CANCEL:
        return now
    held = replace(now, suspended=before.suspended)
    if now.status is Status.SUSPENDED and before.suspended is None:
        return stands(held, Status.PENDING, "")
    return held


def resumed(before: Environment) -> Environment:
    """Managed again; a hold of a rollback ends, and no pause of a failure is waited for.

    Raises NeedsPerson where it is being destroyed for good.
    """
    _check_not_ending(before)
    return replace(
        stands(before, Status.PENDING, "Resumed; the next pass brings it up to date."),
        suspended=None,
        pin=None,
        failure=Failure(count=before.failure.count),
    )


def lives_until(before: Environment, ends: datetime | None, warned: datetime | None) -> Environment:
    """Its life ends then; of the warning times up to `warned` its people know."""
    return replace(before, life=replace(before.life, expires_at=ends, warned_at=warned))


def extended(before: Environment, ends: datetime, warned: datetime | None, now: datetime) -> Environment:
    """Its life ends later; a destroy at its end that has not begun to delete is called off.

    Raises NeedsPerson where it is being destroyed for good, or for another reason than its end.
    """
    _check_not_ending(before)
    is_over = before.life.expires_at is not None and before.life.expires_at <= now
    kept = is_over and not before.is_missing and before.suspended_by is not Suspension.DESTROY
    if before.status is Status.DESTROYING and not kept:
        raise NeedsPerson(
            f"{before.label} is being destroyed, and not because its life ends: {before.message}"
        )
    return lives_until(before, ends, warned)


def let_through(before: Environment, guard: Guard) -> Environment:
    """A person lets it through the guard that holds it."""
    hold = replace(before.hold, approved=guard)
    return replace(says(before, "Approved; the next pass continues."), hold=hold)


def to_be_destroyed(before: Environment, said: str, now: datetime) -> Environment:
    """A person confirmed its destroy: whatever happens from here on, it is destroyed, and nobody creates it again."""
    return replace(before, suspended=Suspended(said, Suspension.DESTROY, at=now))


def _check_not_ending(before: Environment) -> None:
    if before.ending and before.status is Status.DESTROYING:
        raise NeedsPerson(
            f"{before.label} is being destroyed, and what it has is being deleted already: nothing can stop that. Wait until it is done (`envmgr show` tells); then a push, or `envmgr resume`, makes it again."
        )


def held_at(before: Environment, pin: Pin) -> Environment:
    """A rollback holds it at an earlier commit."""
    return replace(before, pin=pin)
