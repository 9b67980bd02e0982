"""Several releases beside one database: what is upgraded first takes nothing from those that follow."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from envmgr.adapters.store import migrate
from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.hosts import hosts as store_of_hosts
from envmgr.adapters.store.names import REVISIONS
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.hosts.standing import why_passive
from envmgr.domain.values.environment import ProcessId, RunKind, RunStatus
from envmgr.domain.values.hosts.host import Report
from envmgr.ports.hosts import Met
from tests.contract.test_store_migrations import AFTER, NEWEST, release_next
from tests.support.store import ALICE, COMMIT, NOW, get, having, seen

ROLLING_SINCE = "0024"
"""The newest schema with which no release came out that several hosts could share: what led there was free to take away."""
LATER = REVISIONS[REVISIONS.index(ROLLING_SINCE) + 1 :]
ONE = ProcessId("one", "boot-1", 100, 5000, "1" * 32)
TWO = ProcessId("two", "boot-2", 200, 6000, "2" * 32)
LONG = timedelta(days=36500)  # PostgreSQL says by its own clock whether it is over


def shape(connection: Connection) -> dict[str, dict[str, tuple[object, ...]]]:
    """What an older release rests on: columns with their types, keys, and what has to be unique."""
    found = inspect(connection)
    shapes: dict[str, dict[str, tuple[object, ...]]] = {}
    for table in found.get_table_names():
        unique = [each["column_names"] for each in found.get_indexes(table) if each["unique"]]
        columns = {each["name"]: (str(each["type"]), each["nullable"]) for each in found.get_columns(table)}
        key = tuple(found.get_pk_constraint(table)["constrained_columns"])
        shapes[table] = {**columns, "(key)": key, "(unique)": tuple(map(tuple, unique))}
    return shapes


def is_needed(column: dict[str, object]) -> bool:
    """Whether a write that does not know of a column fails."""
    return not column["nullable"] and column["default"] is None


@pytest.mark.parametrize("revision", LATER)
def test_a_migration_only_adds(revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it says since which release nobody needs what it takes away."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        monkeypatch.setattr(migrate, "REVISIONS", REVISIONS[: REVISIONS.index(revision)])
        migrate.upgrade(connection)
        before = shape(connection)
        monkeypatch.setattr(migrate, "REVISIONS", REVISIONS[: REVISIONS.index(revision) + 1])
        [script] = migrate.scripts(REVISIONS[REVISIONS.index(revision) - 1])
        migrate.upgrade(connection)
        after = shape(connection)
        added = [
            column["name"]
            for table in before
            for column in inspect(connection).get_columns(table)
            if column["name"] not in before[table] and is_needed(dict(column))
        ]
    engine.dispose()
    if hasattr(script.module, "contract_from"):
        return
    changed = {
        f"{table}.{name}"
        for table, parts in before.items()
        for name, part in parts.items()
        if after.get(table, {}).get(name) != part
    }
    assert (changed, added) == (set(), [])


def report(process: ProcessId, version: str = "1.0") -> Report:
    """What a daemon says of itself."""
    return Report(process=process, version=version, serves=True)


def test_two_hosts_are_upgraded_one_after_the_other(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody stops for it: what the older one is at work on it ends, and begins nothing new; it says why.

    The newer release is this one with one more migration; it is the older one whose code and schema are real.
    """
    one = open_store(postgres_database, tmp_path / "one")
    alice = seen(one, "env-alice")
    assert why_of(one.hosts.beat(report(ONE), NOW, lambda _: False), ONE) == ""
    lease = one.acquire(alice.id, ONE, "apply", NOW, LONG, lambda _: False)
    run = one.start_run(ALICE, RunKind.APPLY, COMMIT, lease, "daemon", NOW)  # type: ignore[arg-type]

    release_next(monkeypatch, tmp_path / "migrations")
    two = open_store(postgres_database, tmp_path / "two")
    with monkeypatch.context() as newer:
        newer.setattr(store_of_hosts, "REVISIONS", (*REVISIONS, AFTER))
        assert why_of(two.hosts.beat(report(TWO, "1.1"), NOW, lambda _: False), TWO) == ""

    met = one.hosts.beat(report(ONE), NOW, lambda _: False)
    assert (
        why_of(met, ONE)
        == f"The database was upgraded to revision {AFTER}, and envmgr on one knows {NEWEST}: upgrade it."
    )
    lease = one.renew(lease, NOW, LONG)  # type: ignore[arg-type]
    one.update(ALICE, lease, NOW, having(message="applied by the older one"))
    one.finish_run(run.id, RunStatus.SUCCEEDED, NOW, lease=lease)
    one.release(lease)
    one.close()

    taken = two.acquire(ALICE, TWO, "apply", NOW, LONG, lambda _: False)
    assert taken.generation == lease.generation + 1  # type: ignore[union-attr]
    assert get(two).message == "applied by the older one"
    assert [(each.id, each.status) for each in two.runs()] == [(run.id, RunStatus.SUCCEEDED)]
    two.close()


def why_of(met: Met, process: ProcessId) -> str:
    """Why a host begins nothing, as it was told at its beat."""
    mine = next(host for host in met.hosts if host.id == process.machine)
    return met.refused or why_passive(mine, met.schema, met.hosts, "acme")


def test_what_takes_away_waits_for_older_hosts(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database stays as it is while one lives that needs it; once that is upgraded, nothing is in the way."""
    store = open_store(postgres_database, tmp_path)
    store.hosts.beat(report(ONE, "1.4.9"), NOW, lambda _: False)
    release_next(monkeypatch, tmp_path / "migrations", more='op.drop_column("environments", "message")')
    script = tmp_path / "migrations" / "versions" / f"r{AFTER}_mood.py"
    script.write_text(f'{script.read_text()}\ncontract_from = "1.10"\n')
    with pytest.raises(
        NeedsPerson, match=r"envmgr 1\.4\.9 on one needs what .* Upgrade it to 1\.10 first, or stop it"
    ):
        open_store(postgres_database, tmp_path)
    with store._database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == NEWEST
    store.hosts.beat(report(ONE, "1.10.1"), NOW, lambda _: False)
    open_store(postgres_database, tmp_path).close()
    store.close()
