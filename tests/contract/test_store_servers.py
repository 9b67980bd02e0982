"""What happens to a PostgreSQL as a server: it fails over, becomes read-only or full, lets no more in. All pass by themselves."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.domain.errors import StoreAway, Transient
from envmgr.domain.values.environment import Event
from tests.support import postgres
from tests.support.processes import HOST
from tests.support.waiting import wait_for

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def record(store: SqlStore, message: str = "x") -> None:
    """A write."""
    store.record(Event(at=NOW, environment=None, action="polled", message=message, actor="daemon"))


def execute(url: str, *statements: str) -> None:
    """As a superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


def test_the_second_of_two_servers_takes_over(tmp_path: Path) -> None:
    """The address names both. All that was written is there, the outage is one, and nobody says where to write now."""
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    with postgres.running_postgres(programs) as first, postgres.running_standby(programs, first) as second:
        execute(first, "CREATE DATABASE envmgr OWNER envmgr_owner TEMPLATE template0")
        ports = [urlsplit(url).port for url in (first, second)]
        both = ",".join(f"{HOST}:{port}" for port in ports)
        store = open_store(
            f"postgresql://envmgr_owner@{both}/envmgr?target_session_attrs=read-write", tmp_path
        )
        assert store.place == f"PostgreSQL database postgresql://envmgr_owner@{both}/envmgr"
        record(store, "before")
        there = second.removesuffix("/postgres") + "/envmgr"
        wait_for(lambda: has_events(there))

        # Who was the first is cut off from the pool as a demoted server is: what is open there may only read.
        execute(first, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        wait_for(lambda: is_read_only(first))  # by then those that are connected were told, too
        execute(second, "SELECT pg_promote()")
        with pytest.raises(StoreAway, match="is read-only: it is a standby"):
            record(store, "lost")
        record(store, "after")

        assert [event.message for event in store.events()] == ["before", "after"]
        with store._database.read() as connection:
            assert connection.exec_driver_sql("SHOW port").scalar_one() == str(ports[1])
        store.close()


def is_read_only(url: str) -> bool:
    """Whether a server has read its configuration again."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)


def has_events(url: str) -> bool:
    """Whether a record has come to a server that follows another; before it the database comes, and then the table."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute("SELECT 1 FROM events").fetchone() is not None
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return False


def test_no_more_are_let_in(postgres_url: str, postgres_database: str, tmp_path: Path) -> None:
    """As many as there may be are there already."""
    store = open_store(postgres_database, tmp_path)
    store.close()
    execute(postgres_url, f"ALTER ROLE {postgres.OWNER} CONNECTION LIMIT 0")
    try:
        with pytest.raises(StoreAway, match="has no connection left for envmgr"):
            record(store)
    finally:
        execute(postgres_url, f"ALTER ROLE {postgres.OWNER} CONNECTION LIMIT -1")
    record(store)
    assert len(store.events()) == 1
    store.close()


@pytest.fixture
def small(postgres_url: str, postgres_database: str) -> Iterator[tuple[str, str]]:
    """A database whose tables are on a disk of a few megabytes, and where that is."""
    user, name = postgres.server_user() or "", urlsplit(postgres_database).path[1:]
    folder = tempfile.mkdtemp(prefix="envmgr-small-")  # pytest's own is closed to the server's user
    mount = ["mount", "-t", "tmpfs", "-o", f"size=24m,mode=0700,uid={user}", "none", folder]
    try:
        if not user or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("No file system can be mounted here: only root may.")
        execute(postgres_url, f"CREATE TABLESPACE small LOCATION '{folder}'")
        execute(postgres_url, f"ALTER DATABASE {name} SET TABLESPACE small")
        yield postgres_database, folder
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        execute(
            postgres_url, ended, f"ALTER DATABASE {name} SET TABLESPACE pg_default", "DROP TABLESPACE small"
        )
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
        Path(folder).rmdir()


def test_a_full_disk(small: tuple[str, str], tmp_path: Path) -> None:
    """What did not fit has not happened; with room again all goes on."""
    database, folder = small
    store = open_store(database, tmp_path)
    record(store, "first")
    with pytest.raises(Transient, match=r"disk of the PostgreSQL database .* is full: make room"):
        fill(store)
    before = len(store.events())
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    record(store, "last")
    assert len(store.events()) == before + 1
    store.close()


def fill(store: SqlStore) -> None:
    """Writes more than fits, of what no compression makes small."""
    for _ in range(40):
        record(store, os.urandom(500_000).hex())
