"""What bringing an environment down, and destroying it, write of it."""

from dataclasses import dataclass, replace
from datetime import datetime

from envmgr.domain.values.environment import (
    NO_FAILURE,
    NO_HOLD,
    NOTHING_APPLIED,
    Environment,
    Status,
    Suspended,
    Suspension,
)

from .applies import unknown
from .deploys import ended
from .standing import stands
from .work import succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an environment is left: destroyed, or `suspended` as somebody or something wants it."""

    then: Status
    message: str
    suspended: Suspended | None = None


def began(before: Environment) -> Environment:
    """Terraform is about to destroy what it has: no wish calls that off any more."""
    return replace(unknown(before), ending=True)


def emptied(before: Environment) -> Environment:
    """Its resources are gone: from here on a state that is missing is no loss."""
    return replace(before, applied=replace(before.applied, resources=()))


def closed(before: Environment, end: End) -> Environment:
    """It has nothing in the cloud, however it came to that. Of its life, only a schedule leaves the end."""
    goes_on = end.suspended is not None and end.suspended.by is Suspension.SCHEDULE
    ends = before.life.expires_at if goes_on else None
    return replace(
        stands(before, end.then, end.message),
        claim=None,
        applied=NOTHING_APPLIED,
        suspended=end.suspended,
        hold=NO_HOLD,
        failure=NO_FAILURE,
        life=replace(before.life, expires_at=ends, warned_at=None),
        pin=before.pin if end.then is Status.SUSPENDED else None,
        drift=None,
        deployment=None,
        health=None,
        tests=None,
        proposal=None,
        ending=False,
    )


def brought_down(before: Environment, reason: str, began: Environment, now: datetime) -> Environment:
    """Its schedule's own commands brought it down, with all it has left in place.

    Where a person suspended or resumed it since it `began`, that holds.
    """
    if (before.suspended, before.life.resumed_at) != (began.suspended, began.life.resumed_at):
        return succeeded(ended(before), before.why_suspended)
    return replace(
        stands(ended(before), Status.SUSPENDED, reason),
        suspended=Suspended(reason, Suspension.SCHEDULE, at=now),
        failure=NO_FAILURE,
    )
