"""All records from one database to another, as they are written, counted and compared before the transaction ends."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Boolean, Connection, Table, column, insert, select, table, text, update

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import counted

from . import schema
from .database import Database

_AT_ONCE = 500
_NUMBERED = (schema.runs, schema.events, schema.requests)
_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a database is known; `copied_from` is the one whose records it was filled with."""

    id: str
    copied_from: str | None = None


def copy(source: Database, target: Database) -> Mapping[str, int]:
    """Copies all records to an empty database and checks them there; gives the number of rows by table.

    All in one transaction of the target: it is done or has not happened. The source is only read, at one moment.
    Raises NeedsPerson where the target is not empty, is the source, or does not hold the same at the end.
    """
    with source.snapshot() as old, target.write() as new:
        target.serialize(new, "migration")
        source.take_time(old)
        target.take_time(new)
        _require_empty(old, new, target)
        counts: dict[str, _Digest] = {}
        for each in schema.RECORDS:
            copied = _Digest()
            rows = copied.over(_rows(old, each))
            while some := [dict(zip(each.c.keys(), row, strict=True)) for row in islice(rows, _AT_ONCE)]:
                new.execute(insert(_plain(each)), some)
            counts[each.name] = copied
        for each in _NUMBERED:
            _number_from(new, each, _last_number(old, each))
        copied_from = select(schema.identity.c.id)
        new.execute(update(schema.identity).values(copied_from=old.execute(copied_from).scalar_one()))
        _require_same(
            counts,
            new,
            f"The {target.place} does not contain what was written to it",
            "Is its encoding UTF-8?",
        )
        # By another snapshot: the first one shows nothing of what was written since.
        with source.snapshot() as now:
            source.take_time(now)
            _require_same(
                counts, now, f"The {source.place} was written to meanwhile", "Stop the daemon, and try again."
            )
        return {name: copied.count for name, copied in counts.items()}


def _require_empty(old: Connection, new: Connection, target: Database) -> None:
    own = select(schema.identity.c.id)
    if old.execute(own).scalar_one() == new.execute(own).scalar_one():
        raise NeedsPerson(f"The {target.place} is the database in use: name another one.")
    found = [each.name for each in schema.RECORDS if new.execute(select(each.c[0]).limit(1)).first()]
    if found:
        raise NeedsPerson(
            f"The {target.place} is not empty (it has {', '.join(found)}), so nothing was written to it: name an empty one."
        )


class _Digest:
    """The number of rows that passed, and a hash over them."""

    def __init__(self) -> None:
        self.count, self._hash = 0, hashlib.sha256()

    def over(self, rows: Iterator[_Row]) -> Iterator[_Row]:
        """The rows, each counted as it passes."""
        for row in rows:
            self.count += 1
            self._hash.update(json.dumps(row).encode())
            yield row

    @property
    def said(self) -> tuple[int, str]:
        """What is the same for the same rows."""
        return self.count, self._hash.hexdigest()


def _require_same(copied: Mapping[str, _Digest], connection: Connection, what: str, remedy: str) -> None:
    for each in schema.RECORDS:
        found = _Digest()
        for _ in found.over(_rows(connection, each)):
            pass
        if found.said != copied[each.name].said:
            numbers = f"{each.name}: {counted(found.count, 'row')}, {copied[each.name].count} copied"
            raise NeedsPerson(f"{what} ({numbers}): nothing was kept. {remedy}")


def _plain(each: Table) -> Any:
    """The table without what its columns mean: values pass as they are written, but for what only one database calls true."""
    return table(
        each.name,
        *(column(key.name, key.type if isinstance(key.type, Boolean) else None) for key in each.columns),
    )


def _rows(connection: Connection, each: Table) -> Iterator[_Row]:
    """All rows by their key, which both databases order byte by byte."""
    plain = _plain(each)
    query = select(plain).order_by(*(plain.c[key.name] for key in each.primary_key))
    for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield tuple(row)


def _last_number(connection: Connection, each: Table) -> int:
    """The last number that was given in a table, which may be of a row that was pruned; 0 where none was."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": each.name}
        ).scalar()
    else:
        sequence = connection.execute(
            text(f"SELECT pg_get_serial_sequence('{each.name}', 'id')")
        ).scalar_one()
        query = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608  its own name
        found = connection.execute(query).scalar()
    return int(found or 0)


def _number_from(connection: Connection, each: Table, last: int) -> None:
    if not last:
        return
    if connection.dialect.name == "sqlite":
        values = {"name": each.name, "last": last}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values)
    else:
        sequence = f"pg_get_serial_sequence('{each.name}', 'id')"
        connection.execute(text(f"SELECT setval({sequence}, :last)"), {"last": last})
