"""What bringing an environment down, and destroying it, write of it."""

from dataclasses import dataclass, replace

from envmgr.domain.values.environment import Environment, Status, Suspension

from .applies import unknown
from .deploys import ended
from .work import succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an environment is left: destroyed, or `suspended` as somebody (`by`) or something wants it.

    `over` is the commit that a push must replace to end the suspension; None where a push does not.
    """

    then: Status
    message: str
    suspended: str = ""
    by: Suspension | None = None
    over: str | None = None


def began(before: Environment) -> Environment:
    """Terraform is about to destroy what it has: no wish calls that off any more."""
    return replace(unknown(before), ending=True)


def emptied(before: Environment) -> Environment:
    """Its resources are gone: from here on a state that is missing is no loss."""
    return replace(before, resources=())


def closed(before: Environment, end: End) -> Environment:
    """It has nothing in the cloud, however it came to that."""
    return replace(
        before,
        status=end.then,
        message=end.message,
        claim=None,
        applied_commit=None,
        applied_fingerprint=None,
        applied_inputs=None,
        outputs={},
        serial=None,
        resources=(),
        identifiers=None,
        url=None,
        suspended=end.suspended,
        suspended_by=end.by,
        suspended_commit=end.over,
        pin=before.pin if end.then is Status.SUSPENDED else None,
        drift=None,
        deployment=None,
        health=None,
        warned_at=None,
        hold=None,
        approved=None,
        failures=0,
        failed_on="",
        retry_at=None,
        ending=False,
        expires_at=before.expires_at if end.by is Suspension.SCHEDULE else None,
    )


def brought_down(before: Environment, reason: str, began: Environment) -> Environment:
    """Its schedule's own commands brought it down, with all it has left in place.

    Where a person suspended or resumed it since it `began`, that holds.
    """
    if (before.suspended, before.resumed_at) != (began.suspended, began.resumed_at):
        return succeeded(ended(before), before.suspended)
    return replace(
        ended(before),
        status=Status.SUSPENDED,
        message=reason,
        suspended=reason,
        suspended_by=Suspension.SCHEDULE,
        suspended_commit=None,
        failures=0,
        failed_on="",
        retry_at=None,
    )
