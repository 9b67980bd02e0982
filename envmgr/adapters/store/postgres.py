"""PostgreSQL as a database that several hosts share."""

from functools import partial
from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy import Connection as SqlConnection
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from envmgr.domain.errors import EnvmgrError, NeedsPerson, StoreAway, Transient
from envmgr.domain.values.shown.hidden import without

from .database import AUTOCOMMIT, Database
from .server import address
from .server.connection import PATIENCE, Connection, NoAnswer

# In milliseconds and seconds: a server that is gone is noticed. Nothing here needs a right that the owner of a database
# has not, and nothing but the name reaches the server: a pooler in between refuses what it does not know. For the same
# reason no statement is prepared: the next transaction may be on another of the pooler's connections.
_SETTINGS: dict[str, Any] = {
    "application_name": "envmgr",
    "prepare_threshold": None,
    "connect_timeout": "10",
    "tcp_user_timeout": "30000",
    "keepalives_idle": "30",
}
# In milliseconds, for each transaction by itself: a pooler may hand the next one to another connection.
_LIMITS = {"lock_timeout": 30_000, "statement_timeout": 60_000}
_AWAY = ("08", "53300", "57P")  # classes of SQLSTATE, and beginnings of them
_PASS_BY_THEMSELVES = ("40", "53", "55", "57", "58")
_READ_ONLY = "25006"
# Refusals of a connection carry no SQLSTATE, only the server's words.
_REFUSALS = ("authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied",
             "permission denied", "certificate", "is not permitted to log in")  # fmt: skip
_TOO_MANY = (
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "no more connections allowed",
)


def open_postgres(url: URL) -> Database:
    """The database at a URL `postgresql://user:password@host/name?…`; nothing is connected yet."""
    settings = {name: value for name, value in _SETTINGS.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=settings,
        pool_pre_ping=True,  # after a restart of the server the pool's connections are dead
        pool_size=4,
        max_overflow=60,
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", lambda _, __, found, named: Connection.connect(*found, **named))
    event.listen(engine, "begin", partial(_limit, _limits(url)))
    event.listen(engine, "checkin", _in_a_hurry)
    event.listen(engine, "handle_error", _note_standby)
    place = place_of(url)
    return Database(
        engine=engine,
        place=place,
        upsert=insert,
        explain=lambda error: explain(error, url),
        is_shared=True,
    )


def place_of(url: URL) -> str:
    """How messages name the database: never with the password, nor with options that may hold one."""
    return f"PostgreSQL database {address.shown(url)}"


def _limits(url: URL) -> str:
    """What each transaction begins with; nothing that a person has set by the URL."""
    own = str(url.query.get("options"))
    wanted = [f"set_config('{name}', '{value}', true)" for name, value in _LIMITS.items() if name not in own]
    return f"SELECT {', '.join(wanted)}" if wanted else ""


def _limit(statement: str, connection: SqlConnection) -> None:
    # What is read by itself is no transaction: it waits for no lock but a migration's, and our own patience has an end.
    if statement and connection.get_execution_options().get("isolation_level") != AUTOCOMMIT:
        connection.exec_driver_sql(statement)


def _in_a_hurry(connection: Connection | None, _: object) -> None:
    """Whoever uses a connection next is not as patient as who had time."""
    if connection is not None:
        connection.patience = PATIENCE


def _note_standby(context: ExceptionContext) -> None:
    """Who was the first of several servers may be a standby by now: all connect anew, and find out who is the first."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def explain(error: DBAPIError, url: URL) -> EnvmgrError:
    """PostgreSQL's error as a sentence with what to do."""
    place, said = place_of(url), _said(error, url)
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error.orig, NoAnswer):
        return StoreAway(
            f"The {place} cannot be used ({said}): it hangs, or a pooler before it has no connection free for envmgr."
        )
    return _of_connecting(place, said) if state is None else _of_statement(place, said, state)


def _of_connecting(place: str, said: str) -> EnvmgrError:
    if any(words in said for words in _TOO_MANY):
        return StoreAway(
            f"The {place} has no connection left for envmgr ({said}): allow more there, or fewer to others."
        )
    if any(refusal in said for refusal in _REFUSALS):
        return NeedsPerson(f"The {place} does not let envmgr in ({said}): check the `database` setting.")
    return StoreAway(f"The {place} cannot be reached ({said}): is the server running?")


def _of_statement(place: str, said: str, state: str) -> EnvmgrError:
    if state == _READ_ONLY:
        return StoreAway(f"The {place} is read-only: it is a standby, or somebody has set it so.")
    if state == "53100":
        return Transient(f"The disk of the {place} is full: make room there.")
    if state.startswith(_AWAY):
        return StoreAway(f"The {place} is restarting, or lets nobody in for now ({said}).")
    if state.startswith(_PASS_BY_THEMSELVES):
        return Transient(f"The {place} is busy ({said}).")
    return NeedsPerson(f"The {place} refused a statement ({said}): check its user's rights and its tables.")


def _said(error: DBAPIError, url: URL) -> str:
    # Only the first line: further ones show values and statements.
    line = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
    return without(line, [str(url.password)]) if url.password else line
