"""When an environment's decision may become another although nothing happens."""

from collections.abc import Iterator
from datetime import datetime

from envmgr.domain.values.environment import Environment
from envmgr.domain.values.policy import Policy


def wake_times(environment: Environment, policy: Policy) -> Iterator[datetime]:
    """When a decision may become another although nothing happens: ends of lives, warnings, schedules, windows, freezes."""
    if environment.retry_at is not None:
        yield environment.retry_at
    if environment.life.expires_at is not None:
        yield environment.life.expires_at
        yield from (environment.life.expires_at - before for before in policy.warn_before)
    if policy.phase is not None and policy.phase.until is not None:
        yield policy.phase.until
    if policy.closed is not None and policy.closed.until is not None:
        yield policy.closed.until
    if policy.frozen is not None and policy.frozen.until is not None:
        yield policy.frozen.until
