"""The port `Pages` on a SQL database."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
    type_coerce,
)

from envmgr.adapters.store import overview, rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import environments, events, runs
from envmgr.domain.values.asking.person import Place
from envmgr.domain.values.environment import Environment, Event, Run, Status
from envmgr.ports.pages import Key, Wanted

_Query = Select[*tuple[Any, ...]]
_KEY = (environments.c.organization, environments.c.repository, environments.c.name)
_KNOWN = 200
"""So many queries are kept of each kind."""
_SEARCHED = ("name", "branch", "commit", "message", "url")


class SqlPages:
    """Records page by page; see `envmgr.ports.Pages`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def together(self) -> AbstractContextManager[None]:
        """All that this thread reads in the block, by one connection."""
        return self._database.together()

    def environments(self, wanted: Wanted, after: Key | None) -> Sequence[Sequence[Environment]]:
        """Environments by name, those after a key."""
        query = _keys(wanted) if after is None else _keys(wanted).where(tuple_(*_KEY) > tuple_(*after))
        with self._database.read() as connection:
            keys = [(row[0], row[1], row[2]) for row in connection.execute(query)]
            found = overview.of_keys(rows.asking(connection), keys)
        if wanted.status != Status.DESTROYED:
            found = [e for e in found if e.is_open]
        return [list(group) for _, group in groupby(found, key=lambda e: e.id.environment)]

    def counts(self, wanted: Wanted) -> Mapping[Status, int]:
        """How many environments stand at each status."""
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(_counts(wanted))}

    def runs(self, wanted: Wanted, before: int | None) -> Sequence[Run]:
        """Runs, newest first."""
        with self._database.read() as connection:
            return [rows.run(row) for row in connection.execute(_newest(runs, wanted, before))]

    def events(self, wanted: Wanted, before: int | None) -> Sequence[Event]:
        """Events, newest first."""
        with self._database.read() as connection:
            return [rows.event(row) for row in connection.execute(_newest(events, wanted, before))]

    def news(self, after: int, limit: int) -> Sequence[Event]:
        """Events of everything in the order they happened."""
        query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
        with self._database.read() as connection:
            return [rows.event(row) for row in connection.execute(query)]

    def last_event(self) -> int:
        """The largest id of an event."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(events.c.id))).scalar() or 0


# Each query once for all who ask for the same: to build one takes SQLAlchemy longer than to ask a database for it.
@lru_cache(_KNOWN)
def _keys(wanted: Wanted) -> _Query:
    query = _filtered(select(*_KEY).distinct().order_by(*_KEY).limit(wanted.limit), environments, wanted)
    is_of_destroyed = wanted.status == Status.DESTROYED
    return query if is_of_destroyed else query.where(environments.c.status != Status.DESTROYED)


@lru_cache(_KNOWN)
def _counts(wanted: Wanted) -> _Query:
    each = _filtered(select(*_KEY, environments.c.status).distinct(), environments, wanted).subquery()
    return select(each.c.status, func.count()).group_by(each.c.status)


@lru_cache(_KNOWN)
def _newest_of_all(table: Table, wanted: Wanted) -> _Query:
    return _filtered(select(table), table, wanted).order_by(table.c.id.desc()).limit(wanted.limit)


def _newest(table: Table, wanted: Wanted, before: int | None) -> _Query:
    query = _newest_of_all(table, wanted)
    return query if before is None else query.where(table.c.id < before)


def _filtered(query: _Query, table: Table, wanted: Wanted) -> _Query:
    equal = {"organization": wanted.organization, "repository": wanted.repository, "name": wanted.name}
    for name, value in equal.items():
        query = query if value is None else query.where(table.c[name] == value)
    if wanted.places is not None:
        query = query.where(or_(false(), *(_is_of(table, place) for place in wanted.places)))
        query = query.where(*(not_(_is_of(table, place)) for place in wanted.hidden))
    if wanted.status is not None:
        status = table.c["action" if table is events else "status"]
        query = query.where(type_coerce(status, Text) == wanted.status)
    if wanted.origin is not None and table is environments:
        query = query.where(type_coerce(table.c.origin, Text) == wanted.origin)
    return query.where(_mentions(table, wanted.text)) if wanted.text else query


def _is_of(table: Table, place: Place) -> ColumnElement[bool]:
    organization, repository = place
    if repository is None:
        return table.c.organization == organization
    # What is of a whole organization has no repository, and is in none that may not be seen.
    of_one = and_(table.c.repository.is_not(None), table.c.repository == repository)
    return and_(table.c.organization == organization, of_one)


def _mentions(table: Table, wanted: str) -> ColumnElement[bool]:
    escaped = wanted.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    columns = (table.c[name] for name in _SEARCHED if name in table.c)
    return or_(*(func.lower(type_coerce(c, Text)).like(f"%{escaped}%", escape="\\") for c in columns))
