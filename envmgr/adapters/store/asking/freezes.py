"""The port `Freezes` on a SQL database."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, and_, delete, select

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import freezes
from envmgr.domain.values.asking.freeze import Freeze

_FIELDS = tuple(field.name for field in fields(Freeze))
_ALL = select(freezes).order_by(*freezes.primary_key.columns)


class SqlFreezes:
    """Freezes; see `envmgr.ports.Freezes`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def all(self) -> Sequence[Freeze]:
        """All of them, by place."""
        with self._database.read() as connection:
            rows = connection.execute(_ALL).mappings().all()
        return [Freeze(**{**row, "repository": row["repository"] or None}) for row in rows]

    def put(self, freeze: Freeze) -> None:
        """Records a freeze."""
        values = {name: getattr(freeze, name) for name in _FIELDS} | {"repository": freeze.repository or ""}
        key = list(freezes.primary_key.columns.keys())
        # In one statement: hosts that read the same new file may come at once.
        statement = self._database.upsert(freezes).values(**values)
        statement = statement.on_conflict_do_update(index_elements=key, set_=values)
        with self._database.write() as connection:
            connection.execute(statement)

    def remove(self, freeze: Freeze) -> bool:
        """Forgets one."""
        with self._database.write() as connection:
            return connection.execute(delete(freezes).where(_same(freeze))).rowcount == 1


def _same(freeze: Freeze) -> ColumnElement[bool]:
    return and_(
        freezes.c.organization == freeze.organization,
        freezes.c.repository == (freeze.repository or ""),
        freezes.c.in_file == freeze.in_file,
    )
