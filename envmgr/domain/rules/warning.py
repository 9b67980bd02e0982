"""Which ends of lives are to be warned of, and what time such a warning leaves."""

from datetime import datetime

from envmgr.domain.values.decision import Warn
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.policy import Policy

_IN_TIME = 0.9
"""How much of the shortest warning time a first warning has to leave: nobody looks at the very second."""


def newest_warning(end: datetime, policy: Policy, now: datetime) -> datetime | None:
    """The newest of the times to warn of an end of life that have come."""
    return max((at for before in policy.warn_before if (at := end - before) <= now), default=None)


def warning(environment: Environment, policy: Policy, now: datetime) -> Warn | None:
    """The warning that is due of an end of life; None where its people know all there is to know by now.

    Once for each warning time that has come in this life, of several the newest. What was never warned of is warned of
    first, however late: then the end moves, so that the shortest warning time is left, as after envmgr was off. An end
    that has begun is no longer warned of.
    """
    life, end = environment.life, environment.life.expires_at
    if end is None or environment.ending or environment.status is Status.DESTROYING:
        return None
    due = newest_warning(end, policy, min(now, end))
    told = max(life.since, life.warned_at or life.since)
    is_first = told == life.since
    if due is None or due <= told or (now >= end and not is_first):
        return None
    notice = min(policy.warn_before)
    if is_first and end - now < notice * _IN_TIME:
        return Warn(_sentence(environment, end, now + notice), at=now, ends=now + notice)
    return Warn(_sentence(environment, end), at=due)


def _sentence(environment: Environment, end: datetime, moved: datetime | None = None) -> str:
    extend = f"a push or `envmgr extend {environment.label} 7d` gives it more"
    if moved is None:
        return f"Its time to live ends at {_time(end)}; {extend}."
    return (
        f"Its time to live was to end at {_time(end)}. As nobody was warned of that in time, it lives until {_time(moved)}; "
        f"{extend}."
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
