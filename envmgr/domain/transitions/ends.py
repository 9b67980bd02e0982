"""What bringing an environment down, and destroying it, write of it."""

from dataclasses import dataclass, replace

from envmgr.domain.environment import Environment, Status, Suspension

from .deploys import ended


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
        expires_at=before.expires_at if end.by is Suspension.SCHEDULE else None,
    )


def brought_down(before: Environment, reason: str) -> Environment:
    """Its schedule's own commands brought it down, with all it has left in place."""
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
