"""What people froze of an organization, as it is kept beside its states: a lost record must not thaw it."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from envmgr.domain.values.asking.freeze import Freeze

_VERSION = 1
_UNREADABLE = "what people froze is kept beside its states, and cannot be read"


def to_json(freezes: Iterable[Freeze]) -> str:
    """As a versioned document."""
    found = [
        {
            "repository": each.repository,
            "reason": each.reason,
            "by": each.by,
            "since": each.since.isoformat(),
            "until": each.until.isoformat() if each.until is not None else None,
        }
        for each in freezes
    ]
    return json.dumps({"version": _VERSION, "freezes": found}, indent=2)


def from_json(organization: str, content: bytes, now: datetime) -> Sequence[Freeze]:
    """Reads what `to_json` wrote. What is nothing of the kind freezes all of it: that may be what it said."""
    try:
        document = json.loads(content)
        by_version = {_VERSION: document["freezes"]}
        return [_freeze(organization, each) for each in by_version[document["version"]]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return [Freeze(organization=organization, reason=_UNREADABLE, by="envmgr", since=now)]


def _freeze(organization: str, found: dict[str, str | None]) -> Freeze:
    repository, until = found["repository"], found["until"]
    return Freeze(
        organization=organization,
        repository=None if repository is None else _line(repository),
        reason=_line(found["reason"]),
        by=_line(found["by"]),
        since=_moment(found["since"]),
        until=None if until is None else _moment(until),
    )


def _line(found: str | None) -> str:
    if not isinstance(found, str) or not found.isprintable() or not found:
        raise TypeError
    return found


def _moment(found: str | None) -> datetime:
    return datetime.fromisoformat(_line(found)).astimezone(UTC)
