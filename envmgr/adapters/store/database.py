"""One database: transactions that read, transactions that write, and failures as sentences."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Interval,
    Table,
    exc,
    func,
    literal,
    select,
    type_coerce,
)

from envmgr.domain.errors import EnvmgrError, Transient

from . import codec
from .columns import moment

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

    Upsert = Callable[[Table], SqliteInsert | PostgresInsert]
else:
    Upsert = Any

AUTOCOMMIT = "AUTOCOMMIT"
"""The isolation level of single statements, each by itself."""

WRITES = "envmgr_writes"
"""The execution option of a connection whose transaction will write."""


class _Shared:
    """A connection that is had when something is first read, until its block ends."""

    def __init__(self) -> None:
        self.ending = ExitStack()
        self._connection: Connection | None = None

    def connection(self, engine: Engine) -> Connection:
        """It."""
        if self._connection is None:
            self._connection = self.ending.enter_context(engine.connect())
        return self._connection


@dataclass(kw_only=True)
class Database:
    """An engine with what its kind of database needs.

    `place` names it for people, without a password. `explain` turns the driver's error into a domain
    error. `turn` lets one writer of this process in after the other. `file` is SQLite's file. `is_shared` says whether
    several hosts may use it, so that it is by its clock that they agree on what is over.
    """

    engine: Engine
    place: str
    upsert: Upsert
    explain: Callable[[exc.DBAPIError], EnvmgrError]
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    file: "Path | None" = None
    is_shared: bool = False

    def __post_init__(self) -> None:
        self._here = threading.local()
        self._writer = self.engine.execution_options(**{WRITES: True})
        # A third of the statements: to begin and to end a transaction are two more.
        self._reader = (
            self.engine.execution_options(isolation_level=AUTOCOMMIT) if self._is_server else self.engine
        )

    @property
    def _is_server(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection of which each statement sees one state of the database."""
        shared: _Shared | None = getattr(self._here, "shared", None)
        if shared is None:
            with self._explained(), self._reader.connect() as connection:
                yield connection
            return
        with self._explained():
            yield shared.connection(self._reader)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One connection for all that this thread reads in the block: to have one, and to give it back, takes as long as to ask."""
        if getattr(self._here, "shared", None) is not None:
            yield
            return
        self._here.shared = shared = _Shared()
        try:
            with self._explained(), shared.ending:
                yield
        finally:
            self._here.shared = None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one state of the database for as long as it is open."""
        # SQLite's readers see one state anyway.
        engine = self.engine
        if self._is_server:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._explained(), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable at the end of the block, or has not happened."""
        with self._explained(), self.turn(), self._writer.begin() as connection:
            yield connection

    def moment(self, now: datetime, later: timedelta = timedelta()) -> ColumnElement[datetime]:
        """The present, or what is so much later, by the database's clock where hosts share it; else by `now`."""
        if not self.is_shared:
            return literal(now + later, moment())
        there = func.clock_timestamp(type_=DateTime(timezone=True)) + literal(later, Interval())
        return type_coerce(func.to_char(func.timezone("UTC", there), codec.AS_MOMENT), moment())

    def serialize(self, connection: Connection, name: str) -> None:
        """Lets only one transaction at a time pass with the same name, until it ends."""
        if self._is_server:  # in SQLite there is only one writer
            digest = hashlib.sha256(f"envmgr {name}".encode()).digest()
            number = int.from_bytes(digest[:8], "big", signed=True)
            connection.execute(select(func.pg_advisory_xact_lock(number)))

    def take_time(self, connection: Connection) -> None:
        """Lets the rest of a transaction last as long as it takes: a migration, a copy of all records."""
        if self._is_server:
            from .server.connection import LONG

            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.connection.driver_connection.patience = LONG  # type: ignore[union-attr]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self.explain(error) from error
        except exc.TimeoutError as error:
            raise Transient(f"All connections to the {self.place} are in use.") from error

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()
