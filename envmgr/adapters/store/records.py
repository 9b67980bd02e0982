"""An environment's record as a row, and a row as a record: by the names in `schema.environments`, in both directions.

The table is flat, the record has parts. Which column is which field of which part stands at the column, and nowhere else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Column, Row

from envmgr.domain.values.environment import (
    NO_FAILURE,
    NO_HOLD,
    NOTHING_APPLIED,
    Absence,
    Applied,
    Environment,
    Failure,
    Hold,
    Life,
    Suspended,
)
from envmgr.domain.values.environment.origin import FROM_BRANCH, Origin
from envmgr.domain.values.names import EnvironmentId

from . import schema
from .rows import IDENTITY, Values, identity_values

_PARTS: Mapping[str, tuple[type, object]] = {
    "origin": (Origin, FROM_BRANCH),
    "absence": (Absence, None),
    "applied": (Applied, NOTHING_APPLIED),
    "suspended": (Suspended, None),
    "hold": (Hold, NO_HOLD),
    "failure": (Failure, NO_FAILURE),
    "life": (Life, None),
}
"""The kind of each part, and what most records have there: one object for all of them, or None.

A part that may be missing is there where its first field says something.
"""

_NOTHING = {"absences": 0, "suspended": ""}
"""What stands for a part that is not there in columns that take no NULL."""


class _Fields:
    """Fields of one kind of value, and the columns that keep them."""

    def __init__(self, part: str, kind: type) -> None:
        """Of a part of the record by its name; the record's own have none."""
        found = {_path(column): column for column in schema.environments.c if column.name not in IDENTITY}
        names = [field.name for field in fields(kind) if (part, field.name) in found]
        self.columns = tuple(found[part, name] for name in names)
        self._kind, self._names = kind, tuple(zip(names, (c.name for c in self.columns), strict=True))
        self._setters = tuple(vars(kind)[name].__set__ for name in names)

    def made(self, values: Iterable[Any]) -> Any:
        """The value, past its constructor, as thousands are read at once; fields of no column are left out."""
        found: Any = object.__new__(self._kind)
        for set_field, value in zip(self._setters, values, strict=True):
            set_field(found, value)
        return found

    def row(self, value: object) -> Values:
        """The columns of a value; of one that is not there, too."""
        if value is None:
            return {column: _NOTHING.get(column) for _, column in self._names}
        return {column: getattr(value, name) for name, column in self._names}


def _path(column: Column[Any]) -> tuple[str, str]:
    """The part and the field that a column keeps; the record's own fields are of the part without a name."""
    part, _, field = column.info.get(schema.FIELD, column.name).rpartition(".")
    return part, field


class _Part:
    """A part of the record, and where its columns stand in a row."""

    def __init__(self, name: str, kind: type, usual: object, start: int) -> None:
        self.fields = _Fields(name, kind)
        self.set_to = vars(Environment)[name].__set__
        self.end = start + len(self.fields.columns)
        self._where, self._usual = slice(start, self.end), usual
        self._usually = None if usual is None else tuple(self.fields.row(usual).values())

    def read(self, row: Row[*tuple[Any, ...]]) -> Any:
        """What a row says of it."""
        values = row[self._where]
        is_usual = not values[0] if self._usually is None else values == self._usually
        return self._usual if is_usual else self.fields.made(values)


_OWN = _Fields("", Environment)
_SET_ID = vars(Environment)["id"].__set__
_FIRST = len(IDENTITY) + len(_OWN.columns)


def _parts() -> Mapping[str, _Part]:
    found, end = {}, _FIRST
    for name, (kind, usual) in _PARTS.items():
        found[name] = _Part(name, kind, usual, end)
        end = found[name].end
    return found


_BY_NAME = _parts()
COLUMNS = (
    *(schema.environments.c[name] for name in IDENTITY),
    *_OWN.columns,
    *(column for part in _BY_NAME.values() for column in part.fields.columns),
)
"""What a query asks for of which `environment` makes records."""


def environment(row: Row[*tuple[Any, ...]]) -> Environment:
    """A row of `COLUMNS` as a record."""
    found: Environment = _OWN.made(row[len(IDENTITY) : _FIRST])
    _SET_ID(found, EnvironmentId(*row[: len(IDENTITY)]))
    for part in _BY_NAME.values():
        part.set_to(found, part.read(row))
    return found


def values(environment: Environment) -> Values:
    """A record as a row of `schema.environments`."""
    found = identity_values(environment.id) | _OWN.row(environment)
    for name, part in _BY_NAME.items():
        found |= part.fields.row(getattr(environment, name))
    return found
