"""Who is told of what happens, how far they are, and what they are told."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import EnvironmentId

EVERYTHING = "*"


class NoticeKind(StrEnum):
    """What people ask to be told of."""

    FAILED = "failed"
    RECOVERED = "recovered"
    EXPIRES_SOON = "expires-soon"
    WAITING = "waiting"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Of what somebody is told: events of an organization, by kind (`*`: all, each as it is) and repository (none: all).

    `is_whole_host`: no other organization is here, so that what is of none may be told, too.
    """

    organization: str
    kinds: frozenset[str]
    repositories: tuple[str, ...] = ()
    is_whole_host: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told. `kind` is a `NoticeKind`, or for those who are told everything the event's own action."""

    kind: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far somebody has been told: of all events up to `after`; `bad` are told as failed, and not yet as recovered.

    `failures` tries in a row came to nothing, since `failing_since`, the last one for `error`; the next one is at `retry_at`.
    Who warns of tokens that end soon keeps so which end was told, and when the forge is asked again.
    """

    target: str
    organization: str
    after: int
    bad: frozenset[EnvironmentId] = frozenset()
    failures: int = 0
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent at once. `id` is the same however often it is sent; `document` is its form for machines."""

    id: str
    at: datetime
    title: str
    text: str
    is_bad: bool
    document: dict[str, object] = field(default_factory=dict)
