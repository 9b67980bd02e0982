"""What people set of an environment, as it is kept beside its state: a lost record must not undo it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Guard, Pin, Suspension
from envmgr.domain.values.names import EnvironmentId

_VERSION = 1
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetByHand:
    """What of a record no look at remote, configuration, state or cloud could tell: what people said of it.

    `commit` is what its branch pointed at, `created_at` tells which life of the environment it is of. Its suspension
    is one of a person's, or the end of its life; what a schedule does, a schedule does again.
    """

    environment: EnvironmentId
    branch: str
    commit: str
    created_at: datetime
    suspended: str = ""
    suspended_by: Suspension | None = None
    suspended_commit: str | None = None
    pin: Pin | None = None
    expires_at: datetime | None = None
    resumed_at: datetime | None = None
    approved: Guard | None = None

    @classmethod
    def of(cls, environment: Environment) -> "SetByHand | None":
        """What is to be kept of a record now; None where nobody set anything, or it is closed."""
        by_schedule = environment.suspended_by is Suspension.SCHEDULE
        found = cls(
            environment=environment.id,
            branch=environment.branch,
            commit=environment.commit,
            created_at=environment.created_at,
            suspended="" if by_schedule else environment.suspended,
            suspended_by=None if by_schedule else environment.suspended_by,
            suspended_commit=None if by_schedule else environment.suspended_commit,
            pin=environment.pin,
            expires_at=environment.expires_at,
            resumed_at=environment.resumed_at,
            approved=environment.approved,
        )
        said = (found.suspended, found.pin, found.expires_at, found.resumed_at, found.approved)
        return found if environment.is_open and not environment.refused and any(said) else None

    @property
    def holds(self) -> bool:
        """Whether it holds the environment back from what its branch wants."""
        return bool(self.suspended) or self.pin is not None

    def to_json(self) -> str:
        """As a versioned document, in ASCII."""
        return json.dumps(
            {
                "version": _VERSION,
                "environment": str(self.environment),
                "branch": self.branch,
                "commit": self.commit,
                "created_at": self.created_at.isoformat(),
                "suspended": self.suspended,
                "suspended_by": self.suspended_by,
                "suspended_commit": self.suspended_commit,
                "pin": self.pin and {"commit": self.pin.commit, "over": self.pin.over},
                "expires_at": self.expires_at and self.expires_at.isoformat(),
                "resumed_at": self.resumed_at and self.resumed_at.isoformat(),
                "approved": self.approved,
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: bytes, environment: EnvironmentId) -> "SetByHand":
        """Reads untrusted text as what was set of one environment; NeedsPerson where it is no such thing."""
        try:
            document = json.loads(text)
            if document["version"] == _VERSION and document["environment"] == str(environment):
                return _parse(document, environment)
        except _MALFORMED as error:
            raise NeedsPerson(f"{environment.by_hand_key} is not what envmgr keeps there.") from error
        raise NeedsPerson(f"{environment.by_hand_key} tells of another environment, or is another release's.")


def _parse(document: Mapping[str, Any], environment: EnvironmentId) -> SetByHand:
    pin, by, approved = document["pin"], document["suspended_by"], document["approved"]
    over = document["suspended_commit"]
    return SetByHand(
        environment=environment,
        branch=_text(document["branch"]),
        commit=_object(document["commit"]),
        created_at=_time(document["created_at"]),
        suspended=_text(document["suspended"]),
        suspended_by=None if by is None else Suspension(by),
        suspended_commit=None if over is None else _object(over),
        pin=None if pin is None else _pin(pin),
        expires_at=_time_or_none(document["expires_at"]),
        resumed_at=_time_or_none(document["resumed_at"]),
        approved=None if approved is None else Guard(approved),
    )


def _pin(document: Mapping[str, Any]) -> Pin:
    over = document["over"]
    return Pin(_object(document["commit"]), None if over is None else _object(over))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _object(value: object) -> str:
    if _OBJECT.fullmatch(_text(value)) is None:
        raise ValueError
    return _text(value)


def _time(value: object) -> datetime:
    return datetime.fromisoformat(_text(value)).astimezone(UTC)


def _time_or_none(value: object) -> datetime | None:
    return None if value is None else _time(value)
