"""Which database a data folder works with: another one is not taken for it, and a move takes all records along."""

import shutil

import pytest

from envmgr.commands import steering
from envmgr.composition.migration import migrate
from envmgr.composition.records import open_records
from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, push


@pytest.fixture
def suspended(engine: Engine) -> Engine:
    """An environment that a person suspended before anything was applied, recorded in SQLite."""
    push(engine.repository(), ["alice"])
    engine.poll()
    steering.suspend(engine.application, engine.environment("alice"))
    return engine


def use(engine: Engine, database: str | None) -> None:
    """Write the daemon's settings."""
    settings = engine.folder / "daemon.yaml"
    settings.write_text(f"daemon: {{database: '{database}'}}\n" if database else "daemon: {}\n")


def refused(engine: Engine) -> str:
    """The sentence with which a start is refused, also of a verb that only reads."""
    with pytest.raises(UsageError) as caught:
        engine.restart()
    with pytest.raises(UsageError):
        open_records(engine.config, engine.data, {})
    return str(caught.value)


def test_an_empty_database_beside_a_full_one_is_refused(suspended: Engine, postgres_database: str) -> None:
    """What was set by hand would be forgotten in silence."""
    use(suspended, postgres_database)
    said = refused(suspended)
    assert f"works with the SQLite database {suspended.data}/envmgr.db, but daemon: database names" in said
    assert "is empty" in said
    assert "envmgr migrate --to" in said
    use(suspended, None)
    suspended.restart()
    assert suspended.environment("alice").status is Status.SUSPENDED


def test_so_it_is_where_nothing_was_remembered_yet(suspended: Engine, postgres_database: str) -> None:
    """The first start of this release comes with the new database."""
    suspended.close()
    (suspended.data / "database.json").unlink()
    use(suspended, postgres_database)
    assert "is empty" in refused(suspended)


def test_after_a_migration_the_new_one_is_taken_and_the_old_one_no_more(
    suspended: Engine, postgres_database: str
) -> None:
    """The records went along."""
    suspended.close()
    with open_records(suspended.config, suspended.data, {}) as store:
        migrate(store, postgres_database, suspended.data, {})
    suspended.restart()  # until the settings say so, all goes on as before
    use(suspended, postgres_database)
    suspended.restart()
    suspended.turn()
    assert suspended.environment("alice").status is Status.SUSPENDED
    use(suspended, None)
    said = refused(suspended)
    assert "is another one" in said
    assert f"delete {suspended.data}/database.json" in said


def test_a_database_that_was_lost_and_a_folder_that_was_lost_begin_anew(
    suspended: Engine, postgres_database: str
) -> None:
    """In the same place stands the same, however new; and a new folder takes what it is given, as in CI.

    Whom a person had suspended stays so: with the old folder its key is gone, so nothing proves the contrary.
    """
    suspended.close()
    for file in suspended.data.glob("envmgr.db*"):
        file.unlink()
    suspended.restart()
    assert suspended.statuses() == {}
    suspended.close()
    use(suspended, postgres_database)
    shutil.rmtree(suspended.data)
    suspended.restart()
    suspended.poll()
    suspended.close()
    shutil.rmtree(suspended.data)
    suspended.restart()
    assert suspended.statuses() == {"alice": "suspended"}
