"""The stores over which one suite runs: in memory, SQLite, PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import literal

from envmgr.adapters.store.columns import moment
from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.schema import RECORDS
from envmgr.domain.values.environment import Environment
from envmgr.ports import Store
from tests.support import postgres
from tests.support.memory_store import MemoryStore
from tests.support.store import seen

MEMORY = "memory"
_HOSTS = ("hosts", "configurations", "polls", "refusals")
EMPTY = f"TRUNCATE {', '.join([*(table.name for table in RECORDS), *_HOSTS])} RESTART IDENTITY"
"""What makes the tables of a contract database empty again."""


@pytest.fixture(scope="session")
def migrated_postgres_database(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tables, made once: each test empties it, which is faster than a new one."""
    url = postgres.make_database(postgres_url, "contract")
    open_store(url, tmp_path_factory.mktemp("data")).close()
    return url


@pytest.fixture(params=[MEMORY, "sqlite", "postgresql"])
def store_location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store's database is: a path, a URL or `memory`."""
    if request.param != "postgresql":
        return MEMORY if request.param == MEMORY else str(tmp_path / "data" / "envmgr.db")
    import psycopg

    url: str = request.getfixturevalue("migrated_postgres_database")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(EMPTY)
    return url


def with_our_clock(location: str, folder: Path) -> Store:
    """A store whose leases go by the times that tests give; on PostgreSQL they go by its own else."""
    opened = open_store(location, folder)
    database = opened._database
    database.moment = lambda now, later=timedelta(): literal(now + later, moment())  # type: ignore[method-assign]
    return opened


@pytest.fixture
def store(store_location: str, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened: Store = MemoryStore() if store_location == MEMORY else with_our_clock(store_location, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def alice(store: Store) -> Environment:
    """An environment that the store knows, just seen."""
    return seen(store, "env-alice")
