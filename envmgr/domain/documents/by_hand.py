"""What people set of an environment, as it is kept beside its state: a lost record must not undo it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import (
    FROM_BRANCH,
    Environment,
    Guard,
    Origin,
    Pin,
    Suspended,
    Suspension,
)
from envmgr.domain.values.names import COMMIT, EnvironmentId

from .origin_document import kept_origin, origin_document, parse_origin

_VERSION = 1
_OBJECT = re.compile(COMMIT)
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
    suspended: Suspended | None = None
    pin: Pin | None = None
    expires_at: datetime | None = None
    resumed_at: datetime | None = None
    approved: Guard | None = None
    origin: Origin = FROM_BRANCH

    @classmethod
    def of(cls, environment: Environment) -> "SetByHand | None":
        """What is to be kept of a record now; None where nobody set anything, or it is closed."""
        by_schedule = environment.suspended_by is Suspension.SCHEDULE
        found = cls(
            environment=environment.id,
            branch=environment.branch,
            commit=environment.commit,
            created_at=environment.life.created_at,
            suspended=None if by_schedule else environment.suspended,
            pin=environment.pin,
            expires_at=environment.life.expires_at,
            resumed_at=environment.life.resumed_at,
            approved=environment.hold.approved,
            origin=kept_origin(environment.origin),
        )
        said = (found.suspended, found.pin, found.expires_at, found.resumed_at, found.approved)
        return found if environment.is_open and not environment.refused and any(said) else None

    @property
    def holds(self) -> bool:
        """Whether it holds the environment back from what its branch wants."""
        return self.suspended is not None or self.pin is not None

    def to_json(self) -> str:
        """As a versioned document, in ASCII."""
        return json.dumps(
            {
                "version": _VERSION,
                "environment": str(self.environment),
                "branch": self.branch,
                "commit": self.commit,
                "created_at": self.created_at.isoformat(),
                "suspended": self.suspended.reason if self.suspended else "",
                "suspended_by": self.suspended and self.suspended.by,
                "suspended_commit": self.suspended and self.suspended.over,
                "suspended_at": self.suspended and self.suspended.at and self.suspended.at.isoformat(),
                "pin": self.pin
                and {"commit": self.pin.commit, "over": self.pin.over, "source": self.pin.source},
                "expires_at": self.expires_at and self.expires_at.isoformat(),
                "resumed_at": self.resumed_at and self.resumed_at.isoformat(),
                "approved": self.approved,
                **origin_document(self.origin),
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
            raise NeedsPerson(f"{environment.by_hand_key} is not something envmgr wrote there.") from error
        raise NeedsPerson(f"{environment.by_hand_key} belongs to another environment, or to another release.")


def _parse(document: Mapping[str, Any], environment: EnvironmentId) -> SetByHand:
    pin, approved = document["pin"], document["approved"]
    return SetByHand(
        environment=environment,
        branch=_text(document["branch"]),
        commit=_object(document["commit"]),
        created_at=_time(document["created_at"]),
        suspended=_suspended(document),
        pin=None if pin is None else _pin(pin),
        expires_at=_time_or_none(document["expires_at"]),
        resumed_at=_time_or_none(document["resumed_at"]),
        approved=None if approved is None else Guard(approved),
        origin=parse_origin(document),
    )


def _suspended(document: Mapping[str, Any]) -> Suspended | None:
    reason, by, over = (_text(document["suspended"]), document["suspended_by"], document["suspended_commit"])
    at = _time_or_none(document.get("suspended_at"))  # which an earlier release did not write
    found = Suspended(
        reason, None if by is None else Suspension(by), None if over is None else _object(over), at
    )
    return found if reason else None


def _pin(document: Mapping[str, Any]) -> Pin:
    over = document["over"]
    source = _text(document.get("source", ""))  # which an earlier release did not write
    return Pin(_object(document["commit"]), None if over is None else _object(over), source)


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
