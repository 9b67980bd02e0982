"""The records of large repositories that were read of late: of one that is read again, only what was written since."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, select

from envmgr.adapters.store import records, rows
from envmgr.adapters.store.schema import environments
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import RepositoryId

LEAST = 200
"""How many records a repository has at least whose are kept: fewer are read in a moment, and keeping each takes 7 kB."""
MOST = 10_000
"""How many records are kept; beyond, those of the repositories that were asked for longest ago are forgotten."""
FEW = 500
"""How many are read one by one; where more were written, all are read."""

_Key = tuple[str, str]
"""Name and application."""


class _Mark(NamedTuple):
    """Of the last write of a record: no two of its writes have the same."""

    writes: int
    updated_at: datetime


class _Kept(NamedTuple):
    mark: _Mark
    record: Environment


_NAMED = (
    environments.c.organization == bindparam("owner"),
    environments.c.repository == bindparam("repository"),
)
_ORDER = tuple(environments.c[name] for name in rows.IDENTITY)
_LIVING = environments.c.status != Status.DESTROYED
_ALL_MARKS = (
    select(environments.c.name, environments.c.application, environments.c.writes, environments.c.updated_at)
    .where(*_NAMED)
    .order_by(*_ORDER)
)
_ALL = select(*records.COLUMNS, environments.c.writes).where(*_NAMED).order_by(*_ORDER)
_SOME = _ALL.where(environments.c.name.in_(bindparam("names", expanding=True)))
_LIVING_MARKS, _ALL_LIVING = _ALL_MARKS.where(_LIVING), _ALL.where(_LIVING)


class Environments:
    """Records by repository, each kept with the mark of the write that made it so. Safe for many threads.

    Nothing is believed of what is kept before the database has given the marks of all records anew, in one statement: no
    matter who wrote, in which order transactions ended, or what was deleted. What the marks tell to be new is read by a
    second statement, and has to be just what the first one told of; else all are read, by one.
    """

    def __init__(self) -> None:
        """Nothing is kept."""
        self._lock = threading.Lock()
        self._repositories: OrderedDict[RepositoryId, Mapping[_Key, _Kept]] = OrderedDict()

    def find(
        self, connection: Connection, repository: RepositoryId, *, destroyed: bool
    ) -> Sequence[Environment]:
        """The environments of a repository, by name and application, as they were at one moment of this call.

        `connection` may be within a transaction, as long as that has written none of them.
        """
        kept = self._known(repository)
        found = self._updated(connection, repository, kept, destroyed=destroyed) if kept else None
        if found is None:
            found = _read(connection, _ALL if destroyed else _ALL_LIVING, repository)
        self._keep(repository, found if destroyed else _destroyed(kept) | found)
        return [each.record for each in found.values()]

    def _updated(
        self, connection: Connection, repository: RepositoryId, kept: Mapping[_Key, _Kept], *, destroyed: bool
    ) -> dict[_Key, _Kept] | None:
        """What is kept with what was written since; None where all has to be read instead."""
        query = _ALL_MARKS if destroyed else _LIVING_MARKS
        found = connection.execute(query, _named(repository)).all()
        marks = {(row[0], row[1]): _Mark(row[2], row[3]) for row in found}
        stale = {key for key, mark in marks.items() if key not in kept or kept[key].mark != mark}
        if len(stale) > FEW:
            return None
        fresh: Mapping[_Key, _Kept] = {}
        if stale:
            fresh = _read(connection, _SOME, repository, sorted({name for name, _ in stale}))
        if any(key not in fresh or fresh[key].mark != marks[key] for key in stale):
            return None
        return {key: fresh[key] if key in stale else kept[key] for key in marks}

    def _known(self, repository: RepositoryId) -> Mapping[_Key, _Kept]:
        with self._lock:
            return self._repositories.get(repository, {})

    def _keep(self, repository: RepositoryId, found: Mapping[_Key, _Kept]) -> None:
        with self._lock:
            if len(found) < LEAST:
                self._repositories.pop(repository, None)
                return
            self._repositories[repository] = found
            self._repositories.move_to_end(repository)
            number = sum(map(len, self._repositories.values()))
            while number > MOST:
                number -= len(self._repositories.popitem(last=False)[1])


def _destroyed(kept: Mapping[_Key, _Kept]) -> dict[_Key, _Kept]:
    return {key: each for key, each in kept.items() if each.record.status is Status.DESTROYED}


def _named(repository: RepositoryId) -> dict[str, Any]:
    return {"owner": repository.organization, "repository": repository.name}


def _read(
    connection: Connection,
    query: Select[*tuple[Any, ...]],
    repository: RepositoryId,
    names: Iterable[str] = (),
) -> dict[_Key, _Kept]:
    given = _named(repository) | ({"names": list(names)} if names else {})
    return dict(map(_kept, connection.execute(query, given).all()))


def _kept(row: Row[*tuple[Any, ...]]) -> tuple[_Key, _Kept]:
    record = records.environment(row)
    return (record.id.name, record.id.application), _Kept(_Mark(row[-1], record.updated_at), record)
