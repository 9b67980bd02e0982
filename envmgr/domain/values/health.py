"""Whether what was deployed works: what is asked, and what came of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .backoff import delay
from .step import Command

_MISSES = 2
"""How many failed answers in a row make a healthy environment unhealthy: one lost packet alarms nobody."""
_FIRST_PAUSE = timedelta(seconds=0.2)
_LONGEST_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """What must answer: `url` by GET (`{outputs.NAME}` stands for an output), or `run` with exit code 0.

    `expect` is the HTTP status that means healthy, `body` a pattern that the answer must contain (`*` matches any
    run of characters). `timeout` is how long a deploy may take to become healthy, `interval` how often it
    is asked while ready.
    """

    url: str = ""
    run: Command = ""
    expect: int = 200
    body: str = ""
    timeout: timedelta = timedelta(minutes=5)
    interval: timedelta = timedelta(seconds=30)


class Condition(StrEnum):
    """How an environment answers."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an environment answers `check`, since when, and what it said where it is not healthy."""

    check: HealthCheck
    condition: Condition
    since: datetime
    message: str = ""


def judged(before: Health, answer: str, now: datetime, misses: int = 1) -> Health:
    """What an answer makes of an environment's health; the same object where nothing changes.

    `answer` is empty where all is well, else the sentence that says what is wrong; `misses` counts the answers in a
    row that said so, this one too.
    """
    if not answer:
        is_known = before.condition is Condition.HEALTHY
        return before if is_known else replace(before, condition=Condition.HEALTHY, since=now, message="")
    match before.condition:
        case Condition.STARTING:
            is_over = now >= before.since + before.check.timeout
        case Condition.HEALTHY:
            is_over = misses >= _MISSES
        case Condition.UNHEALTHY:
            return before if answer == before.message else replace(before, message=answer)
    return replace(before, condition=Condition.UNHEALTHY, since=now, message=answer) if is_over else before


def pause(tries: int) -> timedelta:
    """How long to wait after so many tries (1 or more) of what is starting: short at first, then longer."""
    return delay(tries, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
