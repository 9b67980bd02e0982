"""What a forge answered, read with the distrust that somebody else's words deserve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from envmgr.domain.errors import Transient

LONGEST = 300_000
"""The longest text that is read of one field, in characters; more is cut."""


class Malformed(Transient):
    """A forge's answer lacks what must be in it, or has it in another form."""


class Object:
    """A JSON object of an answer. Each question names the way to a field; Malformed where that is not there, or not such."""

    def __init__(self, value: object, where: str) -> None:
        """Take what was read; `where` names the forge in sentences."""
        if not isinstance(value, Mapping):
            raise Malformed(f"{where} did not answer as it should: it sent no object where one must be.")
        self._value: Mapping[str, Any] = value
        self._where = where

    def has(self, *way: str) -> bool:
        """Whether there is something, and it is not null."""
        return self._found(way) is not None

    def names(self) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(self._value)

    def text(self, *way: str) -> str:
        """A text, cut where it is longer than any should be."""
        found = self._found(way)
        if not isinstance(found, str):
            raise self._malformed(way, "text")
        return found[:LONGEST]

    def text_or(self, default: str, *way: str) -> str:
        """A text; the default where there is none."""
        return self.text(*way) if self.has(*way) else default

    def number(self, *way: str) -> int:
        """A whole number."""
        found = self._found(way)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self._malformed(way, "number")
        return found

    def id(self, *way: str) -> str:
        """What something is known by, be it a number or text."""
        found = self._found(way)
        return self.text(*way) if isinstance(found, str) else str(self.number(*way))

    def flag(self, *way: str) -> bool:
        """Whether it is said to be so; not where nothing is said."""
        found = self._found(way)
        if found is not None and not isinstance(found, bool):
            raise self._malformed(way, "truth value")
        return bool(found)

    def moment(self, *way: str) -> datetime:
        """A time as ISO 8601; without a zone it is UTC."""
        text = self.text(*way)
        try:
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._malformed(way, "time") from None

    def moment_or_none(self, *way: str) -> datetime | None:
        """A time, where there is one."""
        return self.moment(*way) if self.has(*way) else None

    def inner(self, *way: str) -> "Object":
        """An object within it."""
        found = self._found(way)
        if not isinstance(found, Mapping):
            raise self._malformed(way, "object")
        return Object(found, self._where)

    def listed(self, *way: str) -> "list[Object]":
        """A list of objects within it; empty where there is none."""
        found = self._found(way)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self._malformed(way, "list")
        return [Object(each, self._where) for each in found]

    def texts(self, *way: str) -> tuple[str, ...]:
        """A list of texts within it; empty where there is none."""
        found = self._found(way)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self._malformed(way, "list of texts")
        return tuple(each[:LONGEST] for each in found)

    def _found(self, way: Sequence[str]) -> object:
        found: object = self._value
        for name in way:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def _malformed(self, way: Sequence[str], kind: str) -> Malformed:
        return Malformed(f"{self._where} did not answer as it should: `{'.'.join(way)}` is no {kind}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: its status, its headers by names in lower case, and the JSON in its body (None where that is empty).

    `where` names the forge in sentences, and `url` is what was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: Any = field(repr=False)
    url: str
    where: str

    def as_object(self) -> Object:
        """The body, which must be an object."""
        return Object(self.body, self.where)

    def as_objects(self) -> list[Object]:
        """The body, which must be a list of objects."""
        if not isinstance(self.body, list):
            raise Malformed(f"{self.where} did not answer as it should: it sent no list where one must be.")
        return [Object(each, self.where) for each in self.body]
