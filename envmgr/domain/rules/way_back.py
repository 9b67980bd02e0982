"""When a way back to the last healthy commit that failed is tried again."""

from datetime import datetime

from envmgr.domain.values.backoff import LONGEST
from envmgr.domain.values.decision import GoBack, Rest
from envmgr.domain.values.environment import Environment, Failure
from envmgr.domain.values.names import counted
from envmgr.domain.values.policy import Policy

from .attempt import attempt_key


def way_back(environment: Environment, policy: Policy, now: datetime) -> GoBack | Rest | None:
    """What to do about a way back that failed for what may pass; None where there is none, or something newer is wanted.

    Outside of windows nothing is changed, as by any other deploy: it goes on when one opens.
    """
    back = environment.deployment.back if environment.deployment is not None else None
    is_why = environment.failure == Failure(on=attempt_key(environment, policy))
    if back is None or back.retry_at is None or not is_why:
        return None
    if now < back.retry_at <= now + LONGEST:
        return Rest(until=back.retry_at)
    if policy.closed is not None:
        return Rest(until=policy.closed.until)
    tries = counted(back.failures, "try", "tries")
    return GoBack(f"The last healthy commit could not be brought back yet ({tries}).")
