"""Whether a database is sound."""

from sqlalchemy import Connection, text

from envmgr.domain.errors import NeedsPerson


def sound_version(connection: Connection, place: str) -> str:
    """The version of a database that is sound; NeedsPerson, naming its place, where it is not."""
    if connection.dialect.name == "postgresql":
        return f"PostgreSQL {connection.scalar(text('SHOW server_version'))}"
    found = connection.scalar(text("PRAGMA quick_check(1)"))
    if found != "ok":
        raise NeedsPerson(f"The database {place} is damaged ({found}).")
    return f"SQLite {connection.scalar(text('SELECT sqlite_version()'))}"
