"""The port `Hooks` on a SQL database."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Delete, delete, select

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import hints
from envmgr.domain.values.names import RepositoryId

from .positions import SqlPositions

_KEY = ("organization", "repository")


class SqlHooks:
    """What comes from others unasked, and how far others are told."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self.hints = SqlHints(database)
        self.positions = SqlPositions(database)


class SqlHints:
    """What webhooks hinted at; see `envmgr.ports.hooks`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def leave(self, repositories: Collection[RepositoryId], now: datetime) -> None:
        """Notes that something may have changed in them."""
        rows = [{"organization": r.organization, "repository": r.name, "at": now} for r in repositories]
        if not rows:
            return
        insert = self._database.upsert(hints)
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_nothing(index_elements=list(_KEY)), rows)

    def waiting(self) -> Sequence[RepositoryId]:
        """All that were hinted at and not taken."""
        with self._database.read() as connection:
            rows = connection.execute(select(*(hints.c[name] for name in _KEY)))
            return sorted(RepositoryId(row[0], row[1]) for row in rows)

    def take(self, repositories: Collection[RepositoryId]) -> Sequence[RepositoryId]:
        """Those among some that were hinted at."""
        if not repositories:
            return []
        with self._database.write() as connection:
            return [each for each in sorted(repositories) if connection.execute(_without(each)).rowcount == 1]


def _without(repository: RepositoryId) -> Delete:
    return delete(hints).where(
        hints.c.organization == repository.organization, hints.c.repository == repository.name
    )
