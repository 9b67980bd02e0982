"""From events to notices: each change of state once, whatever repeats in between."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from envmgr.domain.values.environment import Event, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.notices import EVERYTHING, Audience, Notice, NoticeKind, Position

_KINDS = {
    **dict.fromkeys(
        (
            "failed",
            "unhealthy",
            "degraded",
            "tests-failed",
            "remote-failed",
            "registry-failed",
            "not-rebuilt",
        ),
        NoticeKind.FAILED,
    ),
    **dict.fromkeys(("expires-soon", "token-ends-soon"), NoticeKind.EXPIRES_SOON),
    **dict.fromkeys(("waiting", "proposed", "tag-waits"), NoticeKind.WAITING),
    **dict.fromkeys(("drift", "resources-gone"), NoticeKind.DRIFT),
}
DROPPED = "notifications-dropped"
"""The event that says that somebody was not told of something, for too long."""


@dataclass(frozen=True, slots=True)
class Step:
    """A notice, and where somebody stands once it was told."""

    notice: Notice
    then: Position


StatusOf = Callable[[EnvironmentId], Status | None]
"""Where an environment stands now; None where it is not known."""


def steps(
    audience: Audience, position: Position, events: Sequence[Event], now: datetime, status_of: StatusOf
) -> tuple[list[Step], Position]:
    """What is to be told of the next events, in order, and where somebody stands when all of it was told.

    A failure is told once until the environment is ready again, and that is told once, too.
    """
    found: list[Step] = []
    for event in events:
        notice, bad = _notice(audience, position.bad, event)
        position = replace(position, after=event.id, bad=bad)
        if notice is not None:
            found.append(Step(notice, position))
    for identity in sorted(position.bad):
        status = status_of(identity)
        if status in (None, Status.DESTROYED):
            position = replace(position, bad=position.bad - {identity})
        elif status is Status.READY:
            position = replace(position, bad=position.bad - {identity})
            if NoticeKind.RECOVERED in audience.kinds:
                event = Event(
                    at=now,
                    environment=identity,
                    action=NoticeKind.RECOVERED,
                    message="It is ready again.",
                    actor="daemon",
                    id=position.after,
                )
                found.append(Step(Notice(NoticeKind.RECOVERED, event), position))
    return found, position


def leading_old(found: Sequence[Step], oldest: datetime) -> Sequence[Step]:
    """Those at the beginning that are too old to be told."""
    return list(takewhile(lambda step: step.notice.event.at < oldest, found))


def together(found: Sequence[Step], room: int) -> Iterator[Sequence[Step]]:
    """What goes into one message each: every notice for itself while there is room for so many, else all in one."""
    if len(found) <= room:
        yield from ((step,) for step in found)
    elif found:
        yield found


def _notice(
    audience: Audience, bad: frozenset[EnvironmentId], event: Event
) -> tuple[Notice | None, frozenset[EnvironmentId]]:
    identity, kind = event.environment, _KINDS.get(event.action)
    if not _concerns(audience, event):
        return None, bad
    if kind is NoticeKind.FAILED and identity is not None:
        if identity in bad and EVERYTHING not in audience.kinds:
            return None, bad
        bad = bad | {identity}
    if EVERYTHING in audience.kinds:
        # Whoever is told everything needs no memory of what is bad.
        return Notice(event.action, event), frozenset()
    if not audience.kinds & {NoticeKind.FAILED, NoticeKind.RECOVERED}:
        bad = frozenset()
    return (Notice(kind, event) if kind is not None and kind in audience.kinds else None), bad


def _concerns(audience: Audience, event: Event) -> bool:
    identity = event.environment
    organization, repository = (
        (identity.organization, identity.repository) if identity else event.place or (None, None)
    )
    if organization is None:
        return audience.is_whole_host and not audience.repositories
    if organization != audience.organization:
        return False
    return not audience.repositories or repository in audience.repositories
