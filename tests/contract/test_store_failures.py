"""What a person reads when the database cannot be used, on real files and a real server."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import event, text

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.domain.errors import NeedsPerson, Transient, UsageError
from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import RepositoryId
from tests.support.postgres import OWNER
from tests.support.waiting import wait_for

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SOON = timedelta(milliseconds=200)


def record(store: SqlStore, message: str = "x") -> None:
    """A write."""
    store.record(Event(at=NOW, environment=None, action="polled", message=message, actor="daemon"))


def refused(kind: type[Exception], location: str | Path | None, folder: Path) -> str:
    """The sentence with which opening is refused."""
    with pytest.raises(kind) as caught:
        open_store(location, folder, busy_timeout=SOON)
    return str(caught.value)


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    """The database, its log, its index and its reserve, in a folder that is closed as well."""
    folder = tmp_path / "new" / "data"
    store = open_store(None, folder)
    record(store)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(["envmgr.db", "envmgr.db-wal", "envmgr.db-shm", "envmgr.db.reserve"], 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    store.close()
    (folder / "envmgr.db").chmod(0o644)
    open_store(None, folder).close()
    assert stat.S_IMODE((folder / "envmgr.db").stat().st_mode) == 0o600


def test_durable_settings(tmp_path: Path) -> None:
    """What `durable when a call returns` rests on, on every connection."""
    store = open_store(None, tmp_path)
    with store._database.write() as connection:
        got = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    store.close()
    assert got == ["wal", 2, 1, 30000]


@pytest.mark.parametrize(
    "form", ["data.db", "sqlite:///data.db", "{folder}/data.db", "sqlite:///{folder}/data.db"]
)
def test_a_file_by_path_or_url(tmp_path: Path, form: str) -> None:
    """A relative one lies in the data folder."""
    store = open_store(form.format(folder=tmp_path), tmp_path)
    assert str(tmp_path / "data.db") in store.check()
    store.close()


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "postgresql://u:secret@h:port/d"])
def test_another_url(tmp_path: Path, url: str) -> None:
    """Said without the password."""
    said = refused(UsageError, url, tmp_path)
    assert "postgresql://" in said
    assert "secret" not in said


@pytest.mark.parametrize("content", [b"my shopping list\n" * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_no_database_at_all(tmp_path: Path, content: bytes) -> None:
    """The file stays as it is."""
    file = tmp_path / "envmgr.db"
    file.write_bytes(content)
    said = refused(NeedsPerson, None, tmp_path)
    assert str(file) in said
    assert "move it away" in said
    assert file.read_bytes() == content


def test_a_damaged_database(tmp_path: Path) -> None:
    """Found by a check, or by the first read that meets the damage; the file is not replaced."""
    store = open_store(None, tmp_path)
    for number in range(300):
        record(store, f"{number} " + "x" * 1000)
    store.close()
    file = tmp_path / "envmgr.db"
    content = bytearray(file.read_bytes())
    content[-30 * 4096 : -10 * 4096] = os.urandom(
        20 * 4096
    )  # of what was written last: the tables' first pages stay
    file.write_bytes(content)
    store = open_store(None, tmp_path)
    for read in (store.check, store.events):
        with pytest.raises(NeedsPerson, match="damaged") as caught:
            read()
        assert str(file) in str(caught.value)
    store.close()
    assert file.stat().st_size == len(content)


def test_another_programs_database(tmp_path: Path) -> None:
    """Nothing is added to it."""
    file = tmp_path / "envmgr.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    said = refused(NeedsPerson, None, tmp_path)
    assert "recipes" in said
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """No regular file."""
    (tmp_path / "envmgr.db").mkdir()
    assert "not a regular file" in refused(NeedsPerson, None, tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Because a file is in the way."""
    (tmp_path / "file").write_text("")
    said = refused(NeedsPerson, None, tmp_path / "file" / "data")
    assert str(tmp_path / "file" / "data") in said


AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
import alembic.command, envmgr.adapters.store.sqlite  # readable now, perhaps not then
from envmgr.adapters.store.connect import open_store
from envmgr.domain.errors import NeedsPerson
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
try:
    open_store(None, Path(sys.argv[1]))
except NeedsPerson as error:
    print(error)
"""


@pytest.mark.parametrize("read_only", ["envmgr.db", "."])
@pytest.mark.slow
def test_a_read_only_file_or_folder(read_only: str) -> None:
    """Nothing can be written without both."""
    # Not below pytest's own folder: it is closed to the other user.
    with tempfile.TemporaryDirectory(prefix="envmgr-store-") as name:
        folder = Path(name)
        open_store(None, folder).close()
        (folder / "envmgr.db").chmod(0o444 if read_only == "envmgr.db" else 0o666)
        folder.chmod(0o555 if read_only == "." else 0o777)
        done = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER_USER, name], capture_output=True, text=True, check=True
        )
        folder.chmod(0o700)
    assert str(folder / read_only) in done.stdout
    assert "writable" in done.stdout


def test_locked_by_another_process(tmp_path: Path) -> None:
    """It may pass by itself; reading goes on meanwhile."""
    store = open_store(None, tmp_path, busy_timeout=SOON)
    with closing(sqlite3.connect(tmp_path / "envmgr.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient, match=r"locked by another process for more than 0\.2 s") as caught:
            record(store)
        assert str(tmp_path / "envmgr.db") in str(caught.value)
        assert list(store.events()) == []
        other.execute("ROLLBACK")
    record(store)
    assert len(store.events()) == 1
    store.close()


def test_a_full_disk(tmp_path: Path) -> None:
    """What did not fit has not happened; once there is room all works again.

    SQLite's own limit of pages stands in for the disk: it fails at the same place with the same code.
    """
    store = open_store(None, tmp_path)
    record(store, "first")
    limit = "PRAGMA max_page_count = {}".format

    def keep_small(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(limit(1))  # SQLite takes the pages there are

    event.listen(store._database.engine, "checkout", keep_small)
    with pytest.raises(Transient) as caught:
        record(store, "x" * 1_000_000)
    assert f"disk of {tmp_path} is full" in str(caught.value)
    assert not (tmp_path / "envmgr.db.reserve").exists(), "the room that was set aside is not given back"
    event.remove(store._database.engine, "checkout", keep_small)
    event.listen(store._database.engine, "checkout", lambda c, *_: c.execute(limit(1_000_000)) and None)
    record(store, "last")
    assert [e.message for e in store.events()] == ["first", "last"]
    assert (tmp_path / "envmgr.db.reserve").stat().st_blocks > 0
    store.close()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from envmgr.adapters.store.connect import open_store
from envmgr.domain.values.environment import Event
store = open_store(None, Path(sys.argv[1]))
for number in range(1_000_000):
    store.record(Event(at=datetime.now(UTC), environment=None, action="x", message=str(number), actor=""))
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    """Whatever call had returned is there, and at most one more."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if line == "30\n":
            break
    writer.kill()
    done = 31 + len(writer.stdout.read().split("\n")[:-1])
    writer.wait()
    writer.stdout.close()
    store = open_store(None, tmp_path)
    messages = [e.message for e in store.events()]
    assert messages[:done] == [str(number) for number in range(done)]
    assert len(messages) <= done + 1
    assert "is sound" in store.check()
    store.close()


def test_close_leaves_no_connection(tmp_path: Path) -> None:
    """The log is folded into the file, which is all there is to copy then."""
    store = open_store(None, tmp_path)
    threads = [threading.Thread(target=record, args=(store,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["envmgr.db", "envmgr.db.reserve"]


def test_a_look_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    """Not even where another process holds the right to write."""
    from envmgr.domain.rules.observation import Observed

    store = open_store(None, tmp_path, busy_timeout=SOON)
    with closing(sqlite3.connect(tmp_path / "envmgr.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.revise(RepositoryId("acme", "shop"), lambda known: Observed())  # noqa: ARG005
    store.close()


class TestPostgres:
    """The server's failures."""

    def test_unreachable(self, tmp_path: Path) -> None:
        """It may come back; the password is not told."""
        said = refused(Transient, "postgresql://ann:secret@127.0.0.1:1/envmgr", tmp_path)
        assert "cannot be reached" in said
        assert "127.0.0.1:1/envmgr" in said
        assert "secret" not in said

    def test_no_such_database(self, postgres_url: str, tmp_path: Path) -> None:
        """A person must make it, or mend the setting."""
        url = urlunsplit(urlsplit(postgres_url)._replace(path="/nowhere"))
        said = refused(NeedsPerson, url, tmp_path)
        assert "does not exist" in said
        assert "`database` setting" in said

    def test_wrong_password(
        self, postgres_database: str, tmp_path: Path, postgres_with_passwords: Callable[[], None]
    ) -> None:
        """A person must mend it."""
        postgres_with_passwords()
        parts = urlsplit(postgres_database)
        url = urlunsplit(parts._replace(netloc=f"guarded:wrong-secret@127.0.0.1:{parts.port}"))
        said = refused(NeedsPerson, url, tmp_path)
        assert "password authentication failed" in said
        assert "wrong-secret" not in said
        assert "guarded" in said

    def test_connections_that_the_server_cut(self, postgres_database: str, tmp_path: Path) -> None:
        """As after its restart: the store connects again by itself."""
        import psycopg

        store = open_store(postgres_database, tmp_path)
        record(store)
        with psycopg.connect(postgres_database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        record(store)
        assert len(store.events()) == 2
        store.close()

    def test_a_lock_that_is_not_given(self, postgres_database: str, tmp_path: Path) -> None:
        """Somebody else's lock is not waited for without end."""
        import psycopg

        store = open_store(f"{postgres_database}?options=-clock_timeout%3D200", tmp_path)
        with psycopg.connect(postgres_database) as connection:
            connection.execute("LOCK TABLE events")
            with pytest.raises(Transient, match="lock timeout"):
                record(store)
        record(store)
        store.close()

    def test_an_ordinary_owner_of_one_database(self, postgres_database: str, tmp_path: Path) -> None:
        """No superuser, no further grant; and a pooler in between knows all that a connection asks for at its start."""
        import psycopg

        store = open_store(postgres_database, tmp_path)
        record(store)
        with psycopg.connect(postgres_database) as connection:
            rights = "rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls"
            owner = f"SELECT current_user, {rights} FROM pg_roles WHERE rolname = current_user"
            assert connection.execute(owner).fetchall() == [(OWNER, False)]
        with store._database.write() as transaction:
            asked = "SELECT name FROM pg_settings WHERE source = 'client' ORDER BY name"
            assert set(transaction.execute(text(asked)).scalars()) <= {"application_name", "client_encoding"}
            assert transaction.execute(text("SHOW lock_timeout")).scalar_one() == "30s"
        for _ in range(20):
            store.leases(NOW)
        with store._database.read() as transaction:
            assert transaction.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() == 0
        store.close()

    def test_a_user_without_rights(self, postgres_url: str, postgres_database: str, tmp_path: Path) -> None:
        """A person must grant them."""
        import psycopg

        open_store(postgres_database, tmp_path).close()
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE stranger LOGIN")
        try:
            parts = urlsplit(postgres_database)
            url = urlunsplit(parts._replace(netloc=f"stranger@127.0.0.1:{parts.port}"))
            assert "permission denied" in refused(NeedsPerson, url, tmp_path)
        finally:
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute("DROP ROLE stranger")


@pytest.fixture
def postgres_with_passwords(postgres_url: str) -> Callable[[], None]:
    """Makes the server ask the user `guarded` for a password."""
    import psycopg

    def ask() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            row = connection.execute("SHOW hba_file").fetchone()
            assert row is not None
            hba = Path(row[0])
            text = hba.read_text()
            if "guarded" not in text:
                hba.write_text(f"host all guarded all scram-sha-256\n{text}")
                connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
                connection.execute("SELECT pg_reload_conf()")
        wait_for(is_asked)

    def is_asked() -> bool:
        try:
            psycopg.connect(postgres_url, user="guarded").close()
        except psycopg.OperationalError:
            return True
        return False

    return ask
