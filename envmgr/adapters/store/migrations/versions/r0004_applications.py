"""Several applications in one environment: each has a record, a lease, runs and events of its own.

What was there before belongs to no application, which is the empty name.
"""

from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0004"
down_revision = "0003"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ENVIRONMENT = ["organization", "repository", "name", "application"]
_LAST = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table")
_FORGET = sa.text("DELETE FROM sqlite_sequence WHERE name = :table")
_NUMBER = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)")


def upgrade() -> None:
    """Adds the column to all four tables; it becomes part of the keys."""
    _make_part_of_the_key("environments", sa.Column("serial", sa.BigInteger))
    _make_part_of_the_key("leases")
    _add_to_index("runs", _application(in_key=False))
    _add_to_index("events", sa.Column("application", _WORD))
    op.execute("UPDATE events SET application = '' WHERE name IS NOT NULL")


def _application(*, in_key: bool) -> sa.Column[str]:
    return sa.Column("application", _WORD, nullable=False, server_default=sa.text("''"), primary_key=in_key)


def _make_part_of_the_key(table: str, *more: sa.Column[int]) -> None:
    name = f"{table}_pkey"
    with _altered(table) as batch:
        if _is_postgres():  # in SQLite the key has no name, and goes by itself
            batch.drop_constraint(name, type_="primary")
        _add(batch, _application(in_key=True))
        batch.create_primary_key(name, _ENVIRONMENT)
        for column in more:
            batch.add_column(column)


def _add_to_index(table: str, column: sa.Column[str]) -> None:
    op.drop_index(f"{table}_environment", table)
    last = None if _is_postgres() else _last_number(table)
    with _altered(table, sqlite_autoincrement=True) as batch:
        _add(batch, column)
    op.create_index(f"{table}_environment", table, [*_ENVIRONMENT, "id"])
    if last is not None:
        _number_from(table, last)


def _last_number(table: str) -> int | None:
    """The last number that SQLite gave in a table, which may be of a row that was pruned."""
    found = op.get_bind().execute(_LAST, {"table": table}).scalar_one_or_none()
    return None if found is None else int(found)


def _number_from(table: str, last: int) -> None:
    op.get_bind().execute(_FORGET, {"table": table})
    op.get_bind().execute(_NUMBER, {"table": table, "last": last})


def _altered(table: str, **settings: bool) -> AbstractContextManager[BatchOperations]:
    """A table to be altered; in SQLite it is made anew with the new columns where they belong."""
    recreate = "never" if _is_postgres() else "always"
    return op.batch_alter_table(table, recreate=recreate, table_kwargs=settings)  # type: ignore[arg-type]


def _add(batch: BatchOperations, column: sa.Column[str]) -> None:
    batch.add_column(column, insert_after=None if _is_postgres() else "name")


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
