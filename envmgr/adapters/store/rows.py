"""Rows of the tables as domain values, and domain values as rows."""

import re
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_

from envmgr.domain.audit.standing import Standing
from envmgr.domain.values.environment import Event, Lease, RepositoryState, Run
from envmgr.domain.values.names import EnvironmentId, RepositoryId

from . import schema
from .overview import Ask

IDENTITY = ("organization", "repository", "name", "application")
_RUN_FIELDS = tuple(schema.runs.c.keys())[5:]
_EVENT_FIELDS = tuple(schema.events.c.keys())[5:]
_REPOSITORY_FIELDS = tuple(schema.repositories.c.keys())[2:]
_STANDING_FIELDS = tuple(field.name for field in fields(Standing))

Values = dict[str, Any]
_NAMED = re.compile(r"(?<![:\w]):([a-z]\w*)")


def identity_values(identity: EnvironmentId) -> Values:
    """The columns that name an environment."""
    return {name: getattr(identity, name) for name in IDENTITY}


def of_environment(table: Table, identity: EnvironmentId) -> ColumnElement[bool]:
    """The condition for the rows of one environment."""
    return and_(*(table.c[name] == value for name, value in identity_values(identity).items()))


def of_repository(table: Table, repository: RepositoryId) -> ColumnElement[bool]:
    """The condition for the rows of one repository's environments."""
    return and_(table.c.organization == repository.organization, table.c.repository == repository.name)


def asking(connection: Connection) -> Ask:
    """What asks a connection's database in its own words, past SQLAlchemy, which would look at each of hundreds of values."""
    spelled = str if connection.dialect.name == "sqlite" else _for_psycopg
    return lambda query, values: connection.exec_driver_sql(spelled(query), dict(values))


@lru_cache(200)
def _for_psycopg(query: str) -> str:
    """With values as psycopg marks them: `%(name)s` for `:name`."""
    return _NAMED.sub(r"%(\1)s", query.replace("%", "%%"))


def lease(row: Row[*tuple[Any, ...]]) -> Lease:
    """A row of `leases` whose owner is not NULL."""
    return Lease(
        environment=EnvironmentId(*row[:4]),
        generation=row.generation,
        owner=row.owner,
        purpose=row.purpose,
        acquired_at=row.acquired_at,
        expires_at=row.expires_at,
    )


def run(row: Row[*tuple[Any, ...]]) -> Run:
    """A row of `runs`."""
    found: Run = _made(Run, _SET_RUN, (row[0], EnvironmentId(*row[1:5]), *row[5:]))
    return found


def event(row: Row[*tuple[Any, ...]]) -> Event:
    """A row of `events`."""
    # What is of an organization, or of a repository as a whole, has no environment's name.
    identity = None if row[3] is None else EnvironmentId(*row[1:5])
    place = (row[1], row[2]) if identity is None and row[1] is not None else None
    found: Event = _made(Event, _SET_EVENT, (row[0], identity, place, *row[5:]))
    return found


def _setters(kind: type, *names: str) -> tuple[Any, ...]:
    """What sets each field of a kind of value: all it has, so that none is left out."""
    if set(names) != {field.name for field in fields(kind)}:
        raise TypeError(f"a row does not tell all of {kind.__name__}, or more than that")
    return tuple(vars(kind)[name].__set__ for name in names)


_SET_RUN = _setters(Run, "id", "environment", *_RUN_FIELDS)
_SET_EVENT = _setters(Event, "id", "environment", "place", *_EVENT_FIELDS)


def _made(kind: type, setters: tuple[Any, ...], values: tuple[Any, ...]) -> Any:
    """A value, past its constructor, as hundreds are read for each page."""
    found: Any = object.__new__(kind)
    for set_field, value in zip(setters, values, strict=True):
        set_field(found, value)
    return found


def event_values(event: Event) -> Values:
    """An event as a row, without its id."""
    organization, repository = event.place or (None, None)
    whole = {"organization": organization, "repository": repository}
    identity = identity_values(event.environment) if event.environment else whole
    return {**identity, **{name: getattr(event, name) for name in _EVENT_FIELDS}}


def repository_state(row: Row[*tuple[Any, ...]]) -> RepositoryState:
    """A row of `repositories`."""
    return RepositoryState(**dict(zip(_REPOSITORY_FIELDS, row[2:], strict=True)))


def repository_values(state: RepositoryState) -> Values:
    """What polling knows, as a row without its identity."""
    return {name: getattr(state, name) for name in _REPOSITORY_FIELDS}


def standing(row: Row[*tuple[Any, ...]]) -> Standing:
    """A row of `findings`."""
    return Standing(**{name: getattr(row, name) for name in _STANDING_FIELDS})


def standing_values(found: Standing) -> Values:
    """A finding as a row, without its key."""
    return {name: getattr(found, name) for name in _STANDING_FIELDS}
