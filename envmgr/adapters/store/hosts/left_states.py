"""The port `LeftStates` on a SQL database."""

from sqlalchemy import ColumnElement, and_, delete, select, update

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import left_states
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports.hosts import LeftState

_KEY = ("organization", "repository", "name", "application")


class SqlLeftStates:
    """States that could not be written to their backends; see `envmgr.ports.hosts`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def keep(self, left: LeftState) -> bool:
        """Keeps what was left."""
        values = {"run": left.run, "at": left.at, "content": left.content, "host": left.host}
        named = {name: getattr(left.environment, name) for name in _KEY}
        insert = self._database.upsert(left_states).values(**named, **values)
        with self._database.write() as connection:
            made = insert.on_conflict_do_nothing(index_elements=list(_KEY)).returning(left_states.c.run)
            return connection.execute(made).first() is not None

    def get(self, environment: EnvironmentId) -> LeftState | None:
        """What was left of an environment."""
        with self._database.read() as connection:
            row = connection.execute(select(left_states).where(_is(environment))).one_or_none()
        if row is None:
            return None
        return LeftState(environment, row.run, row.at, row.content, row.host)

    def brought_to(self, left: LeftState, host: str) -> None:
        """Notes in which host's working folder it is."""
        with self._database.write() as connection:
            connection.execute(update(left_states).where(_is_just(left)).values(host=host))

    def forget(self, left: LeftState) -> None:
        """Forgets just what was left by this run."""
        with self._database.write() as connection:
            connection.execute(delete(left_states).where(_is_just(left)))


def _is(environment: EnvironmentId) -> ColumnElement[bool]:
    return and_(*(left_states.c[name] == getattr(environment, name) for name in _KEY))


def _is_just(left: LeftState) -> ColumnElement[bool]:
    return and_(_is(left.environment), left_states.c.run == left.run)
