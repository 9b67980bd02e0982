"""PostgreSQL as a database that several hosts share."""

from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.values.hidden import without

from .database import Database

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
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = 30000"  # a lock is not waited for without end
_PASS_BY_THEMSELVES = ("08", "40", "53", "55", "57", "58")  # classes of SQLSTATE
# Refusals of a connection carry no SQLSTATE, only the server's words.
_REFUSALS = ("authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied",
             "permission denied", "certificate", "is not permitted to log in")  # fmt: skip


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
    if "lock_timeout" not in str(url.query.get("options")):  # a person's own
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(_LOCK_TIMEOUT))
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
    shown = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    return f"PostgreSQL database {shown}"


def explain(error: DBAPIError, url: URL) -> EnvmgrError:
    """PostgreSQL's error as a sentence with what to do."""
    place, said = place_of(url), _said(error, url)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        if any(refusal in said for refusal in _REFUSALS):
            return NeedsPerson(f"The {place} does not let envmgr in ({said}): check the `database` setting.")
        return Transient(f"The {place} cannot be reached ({said}): is the server running?")
    if state == "53100":
        return Transient(f"The disk of the {place} is full: make room there.")
    if state.startswith(_PASS_BY_THEMSELVES):
        return Transient(f"The {place} is busy or restarting ({said}).")
    return NeedsPerson(f"The {place} refused a statement ({said}): check its user's rights and its tables.")


def _said(error: DBAPIError, url: URL) -> str:
    # Only the first line: further ones show values and statements.
    line = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
    return without(line, [str(url.password)]) if url.password else line
