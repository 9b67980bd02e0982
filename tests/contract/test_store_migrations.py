"""How a database comes to the newest schema: from nothing, from an older one, or not at all."""

import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, func, select, text

from envmgr.adapters.store import migrate, schema
from envmgr.adapters.store.connect import _database, open_store
from envmgr.adapters.store.names import REVISIONS
from envmgr.domain.audit.standing import Look, Outcome
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.environment import Event, RunKind, Suspended, Suspension, Waits, WaitsFor
from tests.support.store import ALICE, COMMIT, NOW, OURS, SHOP, having, take, taken

NEWEST = REVISIONS[-1]
AFTER = f"{int(NEWEST) + 1:04}"
NEXT = '''
"""A second release's change."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{next}", "{newest}"
def upgrade() -> None:
    with op.batch_alter_table("environments") as batch:
        batch.add_column(sa.Column("mood", sa.Text))
    {more}
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new database is to be."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_database")
        return url
    return str(tmp_path / "envmgr.db")


def engine_of(location: str) -> Engine:
    """A plain engine on the database."""
    if location.startswith("postgresql:"):
        return create_engine(location.replace("postgresql:", "postgresql+psycopg:"))
    return create_engine(f"sqlite:///{location}")


@pytest.fixture
def connection(location: str) -> Iterator[Connection]:
    """A connection beside the store's."""
    engine = engine_of(location)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def release_next(monkeypatch: pytest.MonkeyPatch, folder: Path, more: str = "") -> None:
    """Makes this envmgr one of the next release, with a migration of its own."""
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = NEXT.format(more=more, next=AFTER, newest=NEWEST)
    (folder / "versions" / f"r{AFTER}_mood.py").write_text(text)
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    monkeypatch.setattr(migrate, "REVISIONS", (*REVISIONS, AFTER))


def shape(connection: Connection) -> list[tuple[object, ...]]:
    """Tables, columns with type, collation and default, and indexes, as the database tells them."""
    if connection.dialect.name == "sqlite":  # which quotes the name of a table that was made anew
        query = "SELECT name, replace(replace(replace(replace(sql, char(9), ''), char(10), ''), ', ', ','), 'TABLE \"' || name || '\"', 'TABLE ' || name) FROM sqlite_master WHERE name NOT LIKE 'alembic%'"
    else:
        query = (
            "SELECT table_name || '.' || column_name, data_type, collation_name, column_default, is_nullable "
            "FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%' "
            "UNION ALL SELECT indexname, indexdef, NULL, NULL, NULL FROM pg_indexes "
            "WHERE schemaname = 'public' AND tablename NOT LIKE 'alembic%'"
        )
    return sorted((tuple(row) for row in connection.execute(text(query))), key=str)


def test_the_migrations_make_what_a_new_database_has(
    location: str, connection: Connection, tmp_path: Path
) -> None:
    """Nothing differs, neither for alembic nor for the database itself, down to the rows that are there from the start."""
    open_store_before(location, tmp_path)
    # Types are left to the second comparison: alembic takes a collation of our own for a difference.
    context = MigrationContext.configure(
        connection, opts={"compare_server_default": True, "compare_type": False}
    )
    assert compare_metadata(context, schema.metadata) == []
    migrated = shape(connection), first_rows(connection)
    connection.rollback()
    schema.metadata.drop_all(connection)
    connection.execute(text("DROP TABLE alembic_version"))
    connection.commit()
    open_store(location, tmp_path).close()
    assert migrated == (shape(connection), first_rows(connection))
    assert len(migrated[0]) > 10


def first_rows(connection: Connection) -> list[object]:
    """How many rows each table has, which revision it is, and how long the identity is."""
    tables = [*schema.metadata.sorted_tables]
    return [
        *(connection.execute(select(func.count()).select_from(table)).scalar() for table in tables),
        connection.execute(text("SELECT version_num FROM alembic_version")).all(),
        [len(row.id) for row in connection.execute(schema.identity.select())],
    ]


def test_the_code_knows_every_revision() -> None:
    """The list by which a database is judged without alembic is alembic's own."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_a_newer_envmgrs_database_is_left_alone(
    location: str, connection: Connection, tmp_path: Path
) -> None:
    """Nothing is touched."""
    open_store(location, tmp_path).close()
    connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    connection.commit()
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(NeedsPerson, match=r"newer envmgr \(revision 0999.*; upgrade envmgr"):
        open_store(location, tmp_path)
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0999"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_older_database_is_upgraded(
    location: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's file is copied before, for whoever wants the former release back."""
    open_store(location, tmp_path).close()
    release_next(monkeypatch, tmp_path / "migrations")
    open_store(location, tmp_path).close()
    open_store(location, tmp_path).close()
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == AFTER
    assert connection.execute(text("SELECT drift FROM environments")).all() == []
    copies = sorted(tmp_path.glob("*.before-*"))
    if location.startswith("postgresql:"):
        assert copies == []
        return
    assert [path.name for path in copies] == [f"envmgr.db.before-{AFTER}"]
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o600
    with closing(sqlite3.connect(copies[0])) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]


def test_what_was_there_before_applications_belongs_to_none(
    location: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records, leases, runs and events are the same to every query, and no number is given twice."""
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", REVISIONS[:3])
        open_store_before(location, tmp_path)
    for statement in BEFORE_APPLICATIONS:
        connection.execute(text(statement))
    connection.commit()
    store = open_store(location, tmp_path)
    [record] = store.environments()
    assert (record.id, record.branch, record.applied.serial) == (ALICE, "env-alice", None)
    assert list(store.runs(ALICE)) == list(store.runs())
    assert [run.id for run in store.runs()] == [7]
    assert [(e.environment, e.action) for e in store.events()] == [(ALICE, "applied"), (None, "polled")]
    assert [e.action for e in store.events(ALICE)] == ["applied"]
    lease = taken(take(store))
    assert lease.generation == 42
    api = replace(ALICE, application="api")
    assert store.start_run(api, RunKind.PLAN, COMMIT, OURS, "daemon", NOW).id == 10
    assert taken(take(store, identity=api)).generation == 1
    store.revise(SHOP, lambda known: Observed(new=(replace(known[0], id=api),)))
    assert [e.id for e in store.environments(repository=SHOP, name="alice")] == [ALICE, api]
    assert store.environments(repository=SHOP, name="bob") == []
    store.update(api, None, NOW, having(message="mine"))
    assert [e.message for e in store.environments()] == ["", "mine"]
    store.close()


def test_what_events_told_of_stands_in_the_table_of_findings(
    location: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is announced twice by the release that keeps findings, and no audit comes sooner."""
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", REVISIONS[:8])
        open_store_before(location, tmp_path)
    orphan, stray = "acme state-without-branch acme/shop/orphan:api", "acme resources-without-state arn:x y"
    row = {"organization": "acme", "repository": "shop", "name": "orphan", "application": "api"}
    for place, action, message in (
        ({}, "audit-finding", f"{stray}: Nobody: knows it."),
        (row, "audit-finding", f"{orphan}: Gone."),
        (row, "audit-gone", f"{orphan}: no longer found."),
        (row, "audit-finding", f"{orphan}: Nobody wants it."),
        ({}, "audited", "acme: 2 findings."),
    ):
        values = {"at": _WHEN, "action": action, "message": message, "actor": "daemon", **place}
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO events ({names}) VALUES ({marks})"), values)
    connection.commit()
    store = open_store(location, tmp_path)
    assert store.last_look(Look.AUDIT, "acme") == datetime.fromisoformat(_WHEN)
    outcomes: list[Outcome] = []

    def keep(outcome: Outcome) -> tuple[Event, ...]:
        outcomes.append(outcome)
        return ()

    store.take_findings(Look.AUDIT, "acme", NOW, (), lambda _: True, keep)
    [seen] = outcomes
    assert sorted((e.kind, e.subject, str(e.environment), e.told) for e in seen.over) == [
        ("resources-without-state", "arn:x y", "None", "Nobody: knows it."),
        ("state-without-branch", "acme/shop/orphan:api", "acme/shop/orphan:api", "Nobody wants it."),
    ]
    assert {each.since for each in seen.over} == {datetime.fromisoformat(_WHEN)}
    store.close()


def test_what_messages_and_events_said_becomes_fields(
    location: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is waited for, that nothing moves, and since when something is suspended; words of another kind stay words."""
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", REVISIONS[:10])
        open_store_before(location, tmp_path)
    gone = "Branch env-a is gone; grace period until 2026-01-05 12:05:00 UTC."
    silent = (
        "Applies. Silent since 2026-01-01 00:00:00 UTC: it prints nothing new and uses no processor time, so others may "
        "start meanwhile. `envmgr logs x` shows its last lines, `envmgr cancel x` ends it."
    )
    rows: dict[str, tuple[str, str, str, str | None]] = {
        "a": ("waiting", gone, "", None),
        "b": ("waiting", "Terraform is interrupted.", "", None),
        "c": ("running", silent, "", None),
        "d": ("suspended", "By hand.", "By hand.", "person"),
        "e": ("suspended", "Long ago.", "Long ago.", None),
        "f": ("ready", gone, "", None),
    }
    for name, (status, message, suspended, by) in rows.items():
        values = {"name": name, "status": status, "message": message, "suspended": suspended, "by": by}
        connection.execute(text(AN_ENVIRONMENT), values | {"commit": COMMIT, "at": _WHEN})
    connection.execute(
        text(
            "INSERT INTO events (organization, repository, name, application, at, action, message, actor) "
            "VALUES ('acme', 'shop', 'd', '', :at, 'suspended', '', 'user bob')"
        ),
        {"at": _WHEN},
    )
    connection.commit()
    store = open_store(location, tmp_path)
    found = {record.id.name: record for record in store.environments()}
    at = datetime.fromisoformat(_WHEN)
    assert found["a"].waits == Waits(WaitsFor.GRACE_PERIOD, ("2026-01-05 12:05:00",))
    assert [found[name].waits for name in "bcdef"] == [None] * 5
    assert (found["c"].message, found["c"].silent_since) == ("Applies.", at)
    assert found["d"].suspended == Suspended("By hand.", Suspension.PERSON, at=at)
    assert found["e"].suspended == Suspended("Long ago.", None)
    assert {name: e.message for name, e in found.items() if name != "c"} == {
        name: row[1] for name, row in rows.items() if name != "c"
    }
    store.close()


AN_ENVIRONMENT = (
    'INSERT INTO environments (organization, repository, name, application, branch, "commit", status, message, absences, '
    "refused, outputs, resources, suspended, suspended_by, failures, failed_on, created_at, updated_at) VALUES ('acme', "
    "'shop', :name, '', 'env-x', :commit, :status, :message, 0, '', '{}', '[]', :suspended, :by, 0, '', :at, :at)"
)


@pytest.mark.parametrize("revision", range(1, len(REVISIONS)))
def test_every_earlier_release_s_database_is_upgraded(
    location: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: int
) -> None:
    """A record that it has says the same afterwards."""
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", REVISIONS[:revision])
        open_store_before(location, tmp_path)
    connection.execute(text(BEFORE_APPLICATIONS[0]))
    connection.commit()
    store = open_store(location, tmp_path)
    [record] = store.environments()
    assert (record.id, record.commit, record.status.value) == (ALICE, COMMIT, "ready")
    assert (record.waits, record.silent_since, record.suspended, record.claim) == (None, None, None, None)
    store.close()


def open_store_before(location: str, folder: Path) -> None:
    """Make the database as the release before left it: by all migrations that it had."""
    database = _database(location, folder, timedelta(seconds=30))
    with database.write() as connection:
        migrate.upgrade(connection)
    database.close()


_WHEN = "2026-01-01T00:00:00.000000+00:00"
_OWNER = '["host-a","boot-1",100,5000]'
BEFORE_APPLICATIONS = (
    'INSERT INTO environments (organization, repository, name, branch, "commit", status, message, absences, refused, '
    "outputs, resources, suspended, failures, failed_on, created_at, updated_at) VALUES "
    f"('acme', 'shop', 'alice', 'env-alice', '{COMMIT}', 'ready', '', 0, '', '{{}}', '[]', '', 0, '', '{_WHEN}', '{_WHEN}')",
    "INSERT INTO leases (organization, repository, name, generation, purpose, acquired_at, expires_at) VALUES "
    f"('acme', 'shop', 'alice', 41, '', '{_WHEN}', '{_WHEN}')",
    *(
        'INSERT INTO runs (organization, repository, name, kind, "commit", status, started_at, owner, actor, message, '
        f"log) VALUES ('acme', 'shop', 'alice', 'apply', '{COMMIT}', 'succeeded', '{_WHEN}', '{_OWNER}', '', '', '')"
        for _ in range(9)
    ),
    "DELETE FROM runs WHERE id <> 7",
    "INSERT INTO events (organization, repository, name, at, action, message, actor) VALUES "
    f"('acme', 'shop', 'alice', '{_WHEN}', 'applied', '', 'daemon')",
    f"INSERT INTO events (at, action, message, actor) VALUES ('{_WHEN}', 'polled', '', 'daemon')",
)
"""What the release before wrote: the newest runs are pruned already."""


def test_a_failing_migration_has_not_happened(
    location: str, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database stays the former release's, whole."""
    open_store(location, tmp_path).close()
    before = shape(connection)
    connection.rollback()
    with monkeypatch.context() as patch:
        release_next(patch, tmp_path / "migrations", more='op.execute("INSERT INTO nowhere VALUES (1)")')
        with pytest.raises(NeedsPerson, match="nowhere"):
            open_store(location, tmp_path)
    assert shape(connection) == before
    connection.rollback()
    open_store(location, tmp_path).close()


def test_no_copy_no_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the copy finds no place, nothing is changed."""
    open_store(None, tmp_path).close()
    release_next(monkeypatch, tmp_path / "migrations")
    (tmp_path / f"envmgr.db.before-{AFTER}").mkdir()
    with pytest.raises(Transient, match="was not upgraded"):
        open_store(None, tmp_path)
    with closing(sqlite3.connect(tmp_path / "envmgr.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
    assert list(tmp_path.glob("*.part")) == []


def test_alembic_is_imported_for_migrations_only(tmp_path: Path) -> None:
    """It costs a quarter of a second, in every command."""
    open_store(None, tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from envmgr.adapters.store.connect import open_store\n"
        "open_store(None, Path(sys.argv[1])).environments()\n"
        "print([name for name in ('alembic', 'psycopg', 'sqlalchemy.dialects.postgresql') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_processes_that_start_together_migrate_once(
    location: str, connection: Connection, tmp_path: Path
) -> None:
    """One makes the tables, the others wait and find them."""
    program = (
        "import sys; from pathlib import Path; from envmgr.adapters.store.connect import open_store\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(open_store(sys.argv[1], Path(sys.argv[2])).check())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, location, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    said = []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        said.append(process.communicate()[0])
        assert process.returncode == 0
    assert all("is sound" in each for each in said)
    assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
