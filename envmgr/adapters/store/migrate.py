"""Brings a database to the newest schema, once, however many processes start at the same time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Connection, inspect, select, text

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.hosts.standing import numbers
from envmgr.domain.values.hosts.host import SILENT

from .database import Database
from .names import REVISIONS
from .schema import hosts, identity, metadata

if TYPE_CHECKING:
    from alembic.script import Script

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = text("SELECT version_num FROM alembic_version")
# As alembic itself makes it.
_VERSIONS = text(
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
_IS_AT = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")


def migrate(database: Database) -> None:
    """Makes the tables of a new database, or upgrades an older one after a copy of it was kept.

    All in one transaction: it is done or has not happened. Raises NeedsPerson, and touches nothing,
    where the database is a newer envmgr's or another program's.
    """
    with database.read() as connection:
        if _is_newest(connection, database):
            return
    with database.write() as connection:  # whoever comes second waits here and finds it done
        database.serialize(connection, "migration")
        if _revision(connection, database) is None:
            make(connection)
        elif not _is_newest(connection, database):
            _require_none_older(connection, database)
            _keep_copy(database)
            database.take_time(connection)
            upgrade(connection)


def _is_newest(connection: Connection, database: Database) -> bool:
    """Whether nothing is to be done; NeedsPerson where nothing may be done."""
    revision = _revision(connection, database)
    if revision is not None and revision not in REVISIONS:
        raise NeedsPerson(
            f"The {database.place} was written by a newer envmgr (revision {revision}, this one knows up to "
            f"{REVISIONS[-1]}); upgrade envmgr."
        )
    return revision == REVISIONS[-1]


def _revision(connection: Connection, database: Database) -> str | None:
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(_VERSION).scalar_one_or_none()
    if tables and database.file is not None:
        raise NeedsPerson(
            f"The {database.place} belongs to another program (tables {', '.join(sorted(tables)[:3])}): "
            "name another file."
        )
    return None


def _require_none_older(connection: Connection, database: Database) -> None:
    """NeedsPerson where a host that lives would miss what a migration takes away.

    A migration only adds, so that older releases go on beside it until they are upgraded too. One that takes away names
    in `contract_from` the first release that does without.
    """
    if "hosts" not in inspect(connection).get_table_names():
        return
    found = scripts(_revision(connection, database))
    wanted = max(
        (each.module.contract_from for each in found if hasattr(each.module, "contract_from")),
        default="",
        key=numbers,
    )
    lives = hosts.c.forgotten.is_(False) & (hosts.c.beat_at > database.moment(datetime.now(UTC), -SILENT))
    for name, version in connection.execute(select(hosts.c.process, hosts.c.version).where(lives)):
        if numbers(version) < numbers(wanted):
            raise NeedsPerson(
                f"The {database.place} is not upgraded yet: envmgr {version} on {name.host} needs what would be taken away. "
                f"Upgrade it to {wanted} first, or stop it."
            )


def scripts(after: str | None) -> Sequence["Script"]:
    """The migrations that come after a revision, the first one first."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory(str(MIGRATIONS)).iterate_revisions(REVISIONS[-1], after)
    return list(found)[::-1]


def _keep_copy(database: Database) -> None:
    if database.file is not None:
        from .sqlite import copy

        copy(database.file, database.file.with_name(f"{database.file.name}.before-{REVISIONS[-1]}"))


def make(connection: Connection) -> None:
    """Makes the newest tables in an empty database: what the migrations make, in a tenth of the time."""
    # Unchecked: a table of that name that somebody else made is an error, as it is to the migrations.
    metadata.create_all(connection, checkfirst=False)
    connection.execute(identity.insert().values(id=uuid4().hex))
    connection.execute(_VERSIONS)
    connection.execute(_IS_AT, {"revision": REVISIONS[-1]})


def upgrade(connection: Connection) -> None:
    """Runs the migrations that an older or empty database lacks."""
    # A quarter of a second to import, and hardly ever needed.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, REVISIONS[-1])
