"""The port `Places` on a SQL database: a mark at the lease, which ends with it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, select, update

from envmgr.adapters.store import leases as held
from envmgr.adapters.store import rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import leases
from envmgr.domain.rules.places import in_the_way
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId


class SqlPlaces:
    """Places; see `envmgr.ports.hosts`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def taken(self, organization: str, now: datetime) -> Sequence[Lease]:
        """Those that are taken, by environment."""
        with self._database.read() as connection:
            return self._taken(connection, organization, now)

    def take(self, lease: Lease, most: int, now: datetime, is_dead: Callable[[ProcessId], bool]) -> bool:
        """Takes one, where fewer than `most` are taken."""
        organization = lease.environment.organization
        with self._database.write() as connection:
            self._database.serialize(connection, f"places of {organization}")
            held.require(connection, lease)
            taken = self._taken(connection, organization, now)
            if len(in_the_way(taken, is_dead, lease.environment)) >= most:
                return False
            connection.execute(_mark(lease.environment, placed=True))
            return True

    def set(self, lease: Lease, *, taken: bool) -> None:
        """Gives it up, or has it again, however many are taken."""
        with self._database.write() as connection:
            held.require(connection, lease)
            connection.execute(_mark(lease.environment, placed=taken))

    def _taken(self, connection: Connection, organization: str, now: datetime) -> Sequence[Lease]:
        query = select(leases).where(
            leases.c.organization == organization,
            leases.c.placed,
            leases.c.owner.is_not(None),
            leases.c.expires_at > self._database.moment(now),
        )
        found = (rows.lease(row) for row in connection.execute(query))
        return sorted(found, key=lambda each: each.environment)


def _mark(environment: EnvironmentId, *, placed: bool) -> Update:
    return update(leases).where(rows.of_environment(leases, environment)).values(placed=placed)
