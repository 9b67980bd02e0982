"""What a person wants of an environment, as its record says it until it is done."""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.environment import AT_WORK, Environment, Guard, Pin, Status, Suspension


def suspended(before: Environment, because: str) -> Environment:
    """Left alone until it is resumed; what runs goes on to its end."""
    return replace(
        before,
        suspended=because,
        suspended_by=Suspension.PERSON,
        suspended_commit=None,
        status=before.status if before.status in AT_WORK else Status.SUSPENDED,
        message=because,
    )


def resumed(before: Environment) -> Environment:
    """Managed again; a hold of a rollback ends, and no pause of a failure is waited for."""
    return replace(
        before,
        suspended="",
        suspended_by=None,
        suspended_commit=None,
        pin=None,
        status=Status.PENDING,
        message="Resumed; the next pass brings it up to date.",
        failed_on="",
        retry_at=None,
    )


def lives_until(before: Environment, ends: datetime | None, warned: datetime | None) -> Environment:
    """Its life ends then; of the warning times up to `warned` its people know."""
    return replace(before, expires_at=ends, warned_at=warned)


def let_through(before: Environment, guard: Guard) -> Environment:
    """A person lets it through the guard that holds it."""
    return replace(before, approved=guard, message="Approved; the next pass goes on.")


def to_be_destroyed(before: Environment, said: str) -> Environment:
    """A person confirmed its destroy: whatever happens from here on, it is destroyed, and nobody creates it again."""
    return replace(before, suspended=said, suspended_by=Suspension.DESTROY, suspended_commit=None)


def held_at(before: Environment, pin: Pin) -> Environment:
    """A rollback holds it at an earlier commit."""
    return replace(before, pin=pin)
