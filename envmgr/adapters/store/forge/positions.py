"""The port `Positions` on a SQL database."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import positions
from envmgr.domain.values.notices import Position

_FIELDS = tuple(field.name for field in fields(Position))
_COLUMNS = tuple(positions.c[name] for name in _FIELDS)


class SqlPositions:
    """How far those have been told who are told of events; see `envmgr.ports.hooks`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def begin(self, position: Position) -> None:
        """Has somebody be told from here on, unless she is told already."""
        insert = self._database.upsert(positions).values(**_values(position))
        with self._database.write() as connection:
            # Two processes may come to know of somebody new at once.
            connection.execute(insert.on_conflict_do_nothing(index_elements=["target"]))

    def get(self, target: str) -> Position | None:
        """Where somebody stands."""
        with self._database.read() as connection:
            row = connection.execute(select(*_COLUMNS).where(positions.c.target == target)).one_or_none()
        return _position(row) if row is not None else None

    def claim(self, target: str, owner: str, now: datetime, until: datetime) -> Position | None:
        """Where somebody stands, who is told by this owner alone for a while."""
        is_free = or_(
            positions.c.held_by.is_(None), positions.c.held_by == owner, positions.c.held_until < now
        )
        with self._database.write() as connection:
            taking = update(positions).where(positions.c.target == target, is_free)
            if connection.execute(taking.values(held_by=owner, held_until=until)).rowcount != 1:
                return None
            return _position(connection.execute(select(*_COLUMNS).where(positions.c.target == target)).one())

    def save(self, position: Position, owner: str, until: datetime | None = None) -> bool:
        """Writes where somebody stands, and lets go of her, or goes on until then."""
        mine = update(positions).where(positions.c.target == position.target, positions.c.held_by == owner)
        with self._database.write() as connection:
            held = {"held_by": owner if until is not None else None, "held_until": until}
            return connection.execute(mine.values(**_values(position), **held)).rowcount == 1

    def all(self) -> Sequence[Position]:
        """Where everybody stands."""
        with self._database.read() as connection:
            return [
                _position(row) for row in connection.execute(select(*_COLUMNS).order_by(positions.c.target))
            ]


def _values(position: Position) -> dict[str, Any]:
    return {name: getattr(position, name) for name in _FIELDS}


def _position(row: Any) -> Position:
    return Position(**dict(zip(_FIELDS, row, strict=True)))
