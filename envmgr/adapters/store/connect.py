"""Opens the store that the configuration names."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from envmgr.domain.errors import UsageError

from .database import Database
from .migrate import migrate
from .names import FILE_NAME
from .server.address import parse
from .store import SqlStore


def open_store(
    url_or_path: str | Path | None, data_dir: Path, *, busy_timeout: timedelta = timedelta(seconds=30)
) -> SqlStore:
    """The store at a URL or in a file, its schema brought to the newest.

    `url_or_path` is `postgresql://…`, `sqlite:///…` or a file (relative to `data_dir`); without it
    the database is `envmgr.db` in `data_dir`. `busy_timeout` is how long to wait for other processes
    that write to a SQLite file. Raises NeedsPerson, Transient or, for a URL of another kind, UsageError.
    """
    database = _database(url_or_path, data_dir, busy_timeout)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


def _database(url_or_path: str | Path | None, data_dir: Path, busy_timeout: timedelta) -> Database:
    text = str(url_or_path or FILE_NAME)
    url = _url(text) if ":" in text else None
    if url is not None and url.get_backend_name() == "postgresql":
        from .postgres import open_postgres

        return open_postgres(url)
    from .sqlite import open_sqlite

    return open_sqlite(data_dir / (url.database or FILE_NAME if url else text), busy_timeout)


def _url(text: str) -> URL | None:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return None
    kind = scheme.partition("+")[0]
    if kind not in ("postgresql", "postgres", "sqlite"):
        raise UsageError(f"database: envmgr knows postgresql:// and sqlite:///, not {kind}://.")
    try:
        return make_url(f"sqlite://{rest}") if kind == "sqlite" else parse(rest)
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            "database: the URL cannot be read; it is postgresql://user:password@host/name, "
            "with special characters of the password written as %40 and the like."
        ) from error
