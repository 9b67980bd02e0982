"""An environment with several applications as one: what people see where each of its applications is not named."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from .environment import NO_HOLD, Environment, Life, Status

T = TypeVar("T")
_WORST_FIRST = (
    Status.FAILED,
    Status.WAITING,
    Status.DEGRADED,
    Status.DESTROYING,
    Status.RUNNING,
    Status.PENDING,
    Status.SUSPENDED,
    Status.READY,
    Status.DESTROYED,
)


def by_environment(records: Iterable[Environment]) -> list[list[Environment]]:
    """The records of each environment, of records by name; destroyed applications only where all are."""
    groups = [list(group) for _, group in groupby(records, lambda e: e.id.environment)]
    return [[e for e in group if e.is_open] or group for group in groups]


def combined(records: Sequence[Environment]) -> Environment:
    """One record that stands for all applications of an environment: with the status and the message of the worst.

    It is the record itself where the environment has no applications. Times are the earliest of `created_at` and
    `expires_at`, and the latest of the others; the URL is the first there is.
    """
    if len(records) == 1 and not records[0].id.application:
        return records[0]
    worst = min(records, key=lambda e: (_WORST_FIRST.index(e.status), not e.warnings))
    if not any(e.id.application for e in records):
        return worst
    name = worst.id.application or "before there were applications"
    return replace(
        worst,
        id=worst.id.environment,
        message=f"{name}: {worst.message}".rstrip() if worst.said else "",
        applied=replace(worst.applied, url=next(iter(urls(records)), None)),
        hold=next((e.hold for e in records if e.hold.guard), NO_HOLD),
        life=_life(worst, records),
        updated_at=max(e.updated_at for e in records),
    )


def _life(worst: Environment, records: Sequence[Environment]) -> Life:
    return replace(
        worst.life,
        created_at=min(e.life.created_at for e in records),
        pushed_at=max(_known(e.life.pushed_at for e in records), default=None),
        expires_at=min(_known(e.life.expires_at for e in records), default=None),
    )


def urls(records: Iterable[Environment]) -> list[str]:
    """The URLs of all applications that have one, in the records' order."""
    return [e.applied.url for e in records if e.applied.url]


def _known(values: Iterable[T | None]) -> list[T]:
    return [value for value in values if value is not None]
