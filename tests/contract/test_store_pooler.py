"""The store through a pooler: what it promises rests on transactions alone, and a pool that is too small is told of."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.server.connection import Connection
from envmgr.domain.errors import Transient
from tests.contract.conftest import EMPTY
from tests.contract.test_store_concurrency import TestThreads  # noqa: F401  its tests run here too, through the pooler
from tests.contract.test_store_leases import TestLeases  # noqa: F401
from tests.support import pgbouncer
from tests.support.store import NOW
from tests.support.waiting import stopwatch


@pytest.fixture(scope="module")
def program() -> str:
    """PgBouncer."""
    found = pgbouncer.find_program()
    if found is None:
        pytest.skip("PgBouncer is absent: install Debian's pgbouncer")
    return found


@pytest.fixture(scope="module", params=[("transaction", 2), ("session", 9)], ids=lambda it: it[0])
def pooler(request: pytest.FixtureRequest, program: str, postgres_url: str) -> Iterator[int]:
    """The port of one in each mode; where each transaction may have another connection, there are few of them."""
    mode, size = request.param
    with pgbouncer.running_pgbouncer(program, postgres_url, mode=mode, size=size) as port:
        yield port


@pytest.fixture
def store_location(migrated_postgres_database: str, pooler: int) -> str:
    """An empty store's database, by way of the pooler."""
    with psycopg.connect(migrated_postgres_database, autocommit=True) as connection:
        connection.execute(EMPTY)
    return pgbouncer.through(migrated_postgres_database, pooler)


def test_each_transaction_has_its_limits_and_leaves_none(
    postgres_database: str, pooler: int, tmp_path: Path
) -> None:
    """From the migrations on, and also on a connection that somebody else had before."""
    url = pgbouncer.through(postgres_database, pooler)
    store = open_store(url, tmp_path)
    asked = text("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
    for _ in range(3):
        with store._database.write() as connection:
            assert tuple(connection.execute(asked).one()) == ("30s", "1min")
    with psycopg.connect(url, autocommit=True) as other:
        assert other.execute("SHOW lock_timeout").fetchone() == ("0",)
        prepared = other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert prepared == (0,)
    store.close()


def test_a_pool_without_a_free_connection_is_told_of(
    program: str, postgres_database: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time, in a sentence; and once somebody else lets go, it is used again."""
    with pgbouncer.running_pgbouncer(program, postgres_url, mode="session", size=1) as port:
        url = pgbouncer.through(postgres_database, port)
        store = open_store(url, tmp_path)
        store.leases(NOW)
        store.close()
        other = psycopg.connect(url)
        other.execute("SELECT 1")
        monkeypatch.setattr(Connection, "patience", 0.3)
        seconds = stopwatch()
        with pytest.raises(Transient, match=r"no answer within 0\.3 s\): it hangs, or a pooler before it"):
            store.leases(NOW)
        assert seconds() < 10
        other.close()
        monkeypatch.undo()
        assert store.leases(NOW) == {}
        store.close()
