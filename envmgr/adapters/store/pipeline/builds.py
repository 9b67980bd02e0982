"""The port `Builds` on a SQL database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Delete, Row, and_, delete, exists, insert, or_, select, update

from envmgr.adapters.store import rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import builds, environments
from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.build import Build

_OWN = ("began_at", "built_at", "run", "variables")


class SqlBuilds:
    """What was built; see `envmgr.ports.Builds`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def claim(self, wanted: Build, *, over: Build | None = None, anew: bool = False) -> Build:
        """Begins a build, unless there is one already."""
        with self._database.write() as connection:
            self._database.serialize(connection, f"build {wanted.key}")
            found = _get(connection, wanted.key)
            if found is None:
                connection.execute(insert(builds).values(key=wanted.key, **_values(wanted)))
                return wanted
            if found == over or (anew and found.built_at is not None):
                connection.execute(update(builds).where(builds.c.key == wanted.key).values(**_values(wanted)))
                return wanted
            return found

    def finish(self, build: Build) -> None:
        """Records what it gave."""
        with self._database.write() as connection:
            self._database.serialize(connection, f"build {build.key}")
            found = _get(connection, build.key)
            if found is None or not found.is_mine(build):
                raise LeaseLost(
                    f"The build of {build.commit[:10]} for {build.environment} was taken over, so what it gave is not kept."
                )
            connection.execute(update(builds).where(builds.c.key == build.key).values(**_values(build)))

    def give_up(self, build: Build) -> None:
        """Forgets a build that came to nothing."""
        statement = delete(builds).where(
            builds.c.key == build.key,
            rows.of_environment(builds, build.environment),
            builds.c.generation == build.generation,
        )
        with self._database.write() as connection:
            connection.execute(statement)


def old_builds(before: datetime) -> Delete:
    """Deletes those that were begun before a time and are of no commit that an environment has or is to have."""
    needed = and_(
        environments.c.organization == builds.c.organization,
        environments.c.repository == builds.c.repository,
        environments.c.status != Status.DESTROYED,
        or_(environments.c.commit == builds.c.commit, environments.c.applied_commit == builds.c.commit),
    )
    return delete(builds).where(builds.c.began_at < before, ~exists().where(needed))


def _get(connection: Connection, key: str) -> Build | None:
    row = connection.execute(select(builds).where(builds.c.key == key)).one_or_none()
    return None if row is None else _build(row)


def _values(build: Build) -> rows.Values:
    own = {name: getattr(build, name) for name in _OWN}
    identity = rows.identity_values(build.environment)
    return {**identity, "commit": build.commit, "generation": build.generation, **own}


def _build(row: Row[*tuple[Any, ...]]) -> Build:
    identity = EnvironmentId(*row[1:5])
    return Build(
        key=row.key,
        repository=identity.repository_id,
        commit=row.commit,
        environment=identity,
        generation=row.generation,
        **{name: getattr(row, name) for name in _OWN},
    )
