"""The port `Figures` on a SQL database."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, and_, case, func, or_, select, type_coerce

from envmgr.adapters.store import rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import environments, findings, runs, tellings
from envmgr.domain.audit.standing import Look
from envmgr.domain.values.environment import Run, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports.figures import Group, Unsaid

_REPOSITORY = (environments.c.organization, environments.c.repository)
_IDENTITY = tuple(environments.c[name] for name in rows.IDENTITY)
_IS_OPEN = environments.c.status != Status.DESTROYED
# Only what may have drifted is read whole: hardly any has, and thousands are asked about each few seconds.
_MAY_DRIFT = type_coerce(environments.c.drift, Text).like('%"differences":[[%')
_AT_ONCE = 500


class SqlFigures:
    """Figures over all records; see `envmgr.ports.Figures`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def environments(self) -> Sequence[Group]:
        """Open environments by repository and status."""
        key = (*_REPOSITORY, environments.c.status)
        pushed = func.coalesce(environments.c.pushed_at, environments.c.created_at)
        oldest = type_coerce(func.min(pushed), environments.c.created_at.type)
        query = select(*key, func.count(), oldest).where(_IS_OPEN).group_by(*key).order_by(*key)
        return [
            Group(repository=RepositoryId(organization, name), status=status, count=count, oldest=first)
            for organization, name, status, count, first in self._rows(query)
        ]

    def active(self, organization: str) -> frozenset[EnvironmentId]:
        """The records of an organization that have, or are about to get, resources."""
        has_some = or_(environments.c.claim.is_not(None), environments.c.status == Status.RUNNING)
        query = select(*_IDENTITY).where(environments.c.organization == organization, _IS_OPEN, has_some)
        return frozenset(EnvironmentId(*row) for row in self._rows(query))

    def drifted(self) -> Mapping[RepositoryId, int]:
        """In how many open environments of a repository the cloud is otherwise."""
        query = select(*_REPOSITORY, environments.c.drift).where(_IS_OPEN, _MAY_DRIFT)
        found = self._rows(query)
        return Counter(RepositoryId(row[0], row[1]) for row in found if row[2].status == "drift")

    def ending(self, until: datetime) -> Mapping[RepositoryId, int]:
        """How many open environments of a repository end before a time."""
        ends = environments.c.expires_at < until
        query = select(*_REPOSITORY, func.count()).where(_IS_OPEN, ends).group_by(*_REPOSITORY)
        return {RepositoryId(row[0], row[1]): row[2] for row in self._rows(query)}

    def findings(self) -> Mapping[tuple[str, Look], int]:
        """How many findings stand."""
        key = (findings.c.organization, findings.c.look)
        return {(row[0], row[1]): row[2] for row in self._rows(select(*key, func.count()).group_by(*key))}

    def unsaid(self) -> Mapping[RepositoryId, Unsaid]:
        """What forges are to be told."""
        place = (tellings.c.organization, tellings.c.repository)
        unsaid = tellings.c.said != tellings.c.digest
        waits = and_(unsaid, tellings.c.refused != tellings.c.digest)
        refused = and_(unsaid, tellings.c.refused == tellings.c.digest)
        oldest = type_coerce(func.min(case((waits, tellings.c.since))), tellings.c.since.type)
        counts = (func.count(case((waits, 1))), oldest, func.count(case((refused, 1))))
        query = select(*place, *counts).group_by(*place).order_by(*place)
        return {
            RepositoryId(organization, name): Unsaid(waiting=waiting, oldest=first, refused=no)
            for organization, name, waiting, first, no in self._rows(query)
        }

    def last_run(self) -> int:
        """The largest id of a run."""
        ((last,),) = self._rows(select(func.max(runs.c.id)))
        return last or 0

    def runs(self, after: int, among: Collection[int]) -> Sequence[Run]:
        """Runs with a larger id, and those with one of these."""
        ids = sorted(among)
        found: list[Any] = []
        newer = select(runs).where(runs.c.id > after).order_by(runs.c.id)
        for start in range(0, len(ids), _AT_ONCE):  # SQLite takes so many values and no more
            chosen = runs.c.id.in_(ids[start : start + _AT_ONCE])
            found += self._rows(select(runs).where(chosen, runs.c.id <= after).order_by(runs.c.id))
        return [rows.run(row) for row in (*found, *self._rows(newer))]

    def _rows(self, query: Any) -> Sequence[Any]:
        with self._database.read() as connection:
            return connection.execute(query).all()
