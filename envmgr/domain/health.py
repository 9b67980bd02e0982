"""Whether what was deployed works: what is asked, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .step import Command


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
