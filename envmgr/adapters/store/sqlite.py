"""SQLite as a database of several threads and processes: in WAL, one writer at a time, fsync at each commit."""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.host.system import create_private, sync

from .database import WRITES, Database
from .names import place_of_file
from .reserve import Reserve

OLDEST = (3, 35, 0)  # the first with RETURNING
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # WAL's default may lose the last commits in a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)
_READ_ONLY = (
    "The database needs {file} to be writable for the user with ID {user}: change its owner or permissions."
)


def open_sqlite(file: Path, busy_timeout: timedelta) -> Database:
    """The database in a file, made with mode 0600 in a folder of 0700 where there is none.

    Raises NeedsPerson where the file cannot be used; what is there already is not touched.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise NeedsPerson(f"SQLite {sqlite3.sqlite_version} is too old, envmgr needs {oldest} or newer.")
    _prepare(file)
    # Our own transactions: sqlite3's begin only at the first write, and so lose what was read before.
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(file, busy_timeout),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=60,
        pool_use_lifo=True,  # each connection keeps 2 MB of pages: one that is used again has the right ones
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    reserve = Reserve(file)
    reserve.keep()
    return Database(
        engine=engine,
        place=place_of_file(file),
        upsert=insert,
        explain=partial(_explain, reserve, file, busy_timeout),
        turn=partial(_turn, threading.Lock(), busy_timeout.total_seconds(), reserve),
        file=file,
    )


def _prepare(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only a new file is opened here: closing one would drop the locks that this process holds on it.
        os.close(create_private(file))
    except FileExistsError:
        _require_writable(file)
    except OSError as error:
        raise NeedsPerson(
            f"The database {file} cannot be created ({error.strerror}): "
            f"check the folder {file.parent} and its permissions."
        ) from error


def _require_writable(file: Path) -> None:
    if not file.is_file():
        raise NeedsPerson(f"The database {file} is not a regular file: move it away or name another one.")
    effective = os.access in os.supports_effective_ids
    for path in (file, file.parent):
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=effective):
            raise NeedsPerson(_READ_ONLY.format(file=path, user=os.geteuid()))
    if file.stat().st_mode & 0o077 and file.stat().st_uid == os.geteuid():
        file.chmod(0o600)


def _connect(file: Path, busy_timeout: timedelta) -> sqlite3.Connection:
    connection = sqlite3.connect(
        # The pool hands a connection from one thread to the next.
        file,
        timeout=busy_timeout.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for setting in _SETTINGS:
            connection.execute(setting).close()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _turn(lock: threading.Lock, seconds: float, reserve: Reserve) -> Iterator[None]:
    """Lets this process's writers in one after the other, at once where SQLite's own wait polls.

    It only saves time: who waited too long goes on, and SQLite decides.
    """
    has_turn = lock.acquire(timeout=seconds)
    try:
        yield
        reserve.keep()
    finally:
        if has_turn:
            lock.release()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    # Whatever will write takes the write lock first: what it reads is then still true when it writes.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def copy(file: Path, destination: Path) -> None:
    """Makes `destination` a copy of the database as it was last committed, whole or not at all."""
    part = destination.with_name(f"{destination.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        sync(part)
        part.replace(destination)
        sync(destination.parent)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise Transient(
            f"The database {file} could not be copied to {destination} before its upgrade ({error}), so it "
            f"was not upgraded: make room in {destination.parent}."
        ) from error


_DAMAGED = (
    "The database {file} is damaged or not an SQLite database ({said}): move it away and restore a copy; "
    "envmgr has not changed it."
)
_CANNOT_OPEN = "The database {file} cannot be opened: check the folder {folder} and its permissions."
_LOCKED = (
    "The database {file} has been locked by another process for more than {seconds:g} s: "
    "`fuser {file}` shows which one."
)
_FULL = "The disk of {folder} is full, so nothing was written to the database {file}: make room there."
_UNREADABLE = "The database {file} could not be read or written ({said}): check the disk of {folder}."
_REFUSED = "The database {file} refused a statement ({said}): was it changed by hand?"
_SENTENCES: Mapping[int, tuple[type[EnvmgrError], str]] = {
    sqlite3.SQLITE_CORRUPT: (NeedsPerson, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (NeedsPerson, _DAMAGED),
    sqlite3.SQLITE_READONLY: (NeedsPerson, _READ_ONLY),
    sqlite3.SQLITE_PERM: (NeedsPerson, _READ_ONLY),
    sqlite3.SQLITE_CANTOPEN: (NeedsPerson, _CANNOT_OPEN),
    sqlite3.SQLITE_BUSY: (Transient, _LOCKED),
    sqlite3.SQLITE_LOCKED: (Transient, _LOCKED),
    sqlite3.SQLITE_FULL: (Transient, _FULL),
    sqlite3.SQLITE_IOERR: (Transient, _UNREADABLE),
    sqlite3.SQLITE_NOMEM: (Transient, _UNREADABLE),
}


def _explain(reserve: Reserve, file: Path, busy_timeout: timedelta, error: DBAPIError) -> EnvmgrError:
    """SQLite's error as a sentence with what to do; where the disk is full the reserve goes."""
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        reserve.release()
    return explain(error, file, busy_timeout)


def explain(error: DBAPIError, file: Path, busy_timeout: timedelta) -> EnvmgrError:
    """SQLite's error as a sentence with what to do."""
    # The lowest byte is the kind; the rest says which call it was.
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    kind, sentence = _SENTENCES.get(code, (NeedsPerson, _REFUSED))
    seconds = busy_timeout.total_seconds()
    return kind(
        sentence.format(file=file, folder=file.parent, said=error.orig, seconds=seconds, user=os.geteuid())
    )
