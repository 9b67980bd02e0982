"""A database that fails under a whole envmgr: it is said what and what to do, nothing is destroyed, work goes on after.

What each failure of the store says by itself is in tests/contract/test_store_failures.py.
"""

import json
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from envmgr.adapters.store import connect
from envmgr.adapters.store.connect import open_store
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.values.environment import RunStatus, Status
from envmgr.engine.work import insistence
from tests.benchmarks.cpu import Spent
from tests.benchmarks.running_daemon import running
from tests.support import postgres
from tests.support.engine import Engine, code, push
from tests.support.waiting import wait_for

LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""

# Waits for a file in the middle of its apply; what it makes is a line in another.
SLOW = """
variable "folder" {}
resource "terraform_data" "app" {
  input = var.folder
  provisioner "local-exec" {
    command     = "echo made >> marks; touch at-work; until test -e go-on; do sleep 0.05; done"
    working_dir = self.input
  }
}
"""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process writes to the database for as long as the block."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.stdin.close()
            process.wait()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked SQLite is waited for half a second, not half a minute."""
    monkeypatch.setattr(connect, "open_store", partial(open_store, busy_timeout=timedelta(seconds=0.5)))


class World:
    """An engine of which one environment is applied and another's branch is gone, all but confirmed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.database = engine.data / "envmgr.db"
        self.shop = engine.repository()
        push(self.shop, ["alice", "bob"])
        engine.turn()
        self.shop.delete("env-alice")
        engine.turn()
        engine.calls()

    def fails(self, kind: type[EnvmgrError], said: str) -> None:
        """A look, long after, ends with a sentence that names the file; nothing is done for it, nor by work."""
        self.engine.clock.forward(minutes=6)
        with pytest.raises(kind, match=said) as caught:
            self.engine.poll()
        assert str(self.database) in str(caught.value)
        self.engine.work()
        assert "plan" not in self.engine.calls()
        assert self.engine.state("alice").exists()

    def goes_on(self) -> None:
        """What was due is done, without a person."""
        self.engine.turn(3, minutes=6)
        assert self.engine.statuses() == {"alice": "destroyed", "bob": "ready"}
        assert all(run.status is not RunStatus.RUNNING for run in self.engine.runs())
        assert "is sound" in self.engine.application.services.store.check()


def test_locked_by_another_process(engine: Engine) -> None:
    """For as long as it lasts nothing is done; then all goes on."""
    world = World(engine)
    with locked(world.database):
        world.fails(Transient, "locked by another process")
    world.goes_on()


def test_locked_while_an_apply_ends(engine: Engine, tmp_path: Path) -> None:
    """Terraform ends; that it did is recorded by the next pass, and nothing is made twice."""
    engine.repository(variables={"folder": str(tmp_path)}).commit("env-alice", code(module=SLOW))
    engine.poll()
    with at_work(engine, tmp_path), locked(engine.data / "envmgr.db"):
        (tmp_path / "go-on").touch()
        wait_for(lambda: '"app"' in text(engine.state("alice")))
    converged(engine, tmp_path)


def test_made_read_only(engine: Engine) -> None:
    """A file system that the kernel has mounted anew, read-only; SQLite's own switch stands in for it."""
    world = World(engine)
    pool = engine.application.services.store._database.engine  # type: ignore[attr-defined]

    def refuse(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    def allow(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only = OFF")

    event.listen(pool, "checkout", refuse)
    world.fails(NeedsPerson, "to be writable")
    event.remove(pool, "checkout", refuse)
    event.listen(pool, "checkout", allow)
    world.goes_on()


def test_damaged(engine: Engine) -> None:
    """Pages overwritten: it is not repaired, replaced or believed; with the copy back all goes on."""
    world = World(engine)
    engine.close()
    whole = world.database.read_bytes()
    page = 4096
    torn = whole[:page] + bytes(b ^ 0x5A for b in whole[page:])
    world.database.write_bytes(torn)

    with pytest.raises(NeedsPerson, match="damaged") as caught:
        engine.turn(3, minutes=6)
    assert str(world.database) in str(caught.value)
    engine.close()
    assert world.database.read_bytes() == torn
    assert engine.state("alice").exists()
    assert engine.state("bob").exists()

    world.database.write_bytes(whole)
    world.goes_on()


def test_of_a_newer_version(engine: Engine) -> None:
    """Nothing starts and nothing is changed; with the newer version's database gone all goes on."""
    world = World(engine)
    engine.close()
    with closing(sqlite3.connect(world.database)) as connection, connection:
        (ours,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = world.database.read_bytes()

    with pytest.raises(NeedsPerson, match="newer envmgr") as caught:
        engine.turn()
    assert str(world.database) in str(caught.value)
    assert world.database.read_bytes() == before

    with closing(sqlite3.connect(world.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [ours])
    world.goes_on()


@pytest.fixture
def server() -> Iterator["Postgres"]:
    """A PostgreSQL of this test's own, to be restarted."""
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    with postgres.running_postgres(programs) as url:
        running = Postgres(programs, url)
        yield running
        running.control("stop")


class Postgres:
    """A running server, and pg_ctl."""

    def __init__(self, programs: Path, url: str) -> None:
        self.url = url
        self._pg_ctl = programs / "pg_ctl"
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        self._data = Path(row[0])
        self._options = shlex.join(shlex.split((self._data / "postmaster.opts").read_text())[1:])

    def control(self, verb: str) -> None:
        """Stop or start the server, and wait until it has."""
        how = ["-o", self._options, "-l", str(self._data / "log")] if verb == "start" else ["-m", "fast"]
        user = postgres.server_user()
        switch = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        argv = [*switch, str(self._pg_ctl), verb, "-w", "-D", str(self._data), *how]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd="/")


def test_postgres_restarted_during_an_apply(engine: Engine, server: Postgres, tmp_path: Path) -> None:
    """Back before the apply ends, nothing is noticed."""
    on_postgres(engine, server, tmp_path)
    with at_work(engine, tmp_path):
        server.control("stop")
        server.control("start")
        (tmp_path / "go-on").touch()
    assert [run.status for run in engine.runs()] == [RunStatus.SUCCEEDED]
    converged(engine, tmp_path)


def test_postgres_away_as_an_apply_ends(
    engine: Engine, server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For longer than it is insisted: the run ends recorded as what it was, and the environment converges."""
    monkeypatch.setattr(insistence, "AGAIN", (0.2, 0.2))
    on_postgres(engine, server, tmp_path)
    with at_work(engine, tmp_path):
        server.control("stop")
        (tmp_path / "go-on").touch()
        wait_for(lambda: '"app"' in text(engine.state("alice")))
    with pytest.raises(Transient, match="is the server running"):
        engine.work()
    server.control("start")
    converged(engine, tmp_path)
    assert [run.status for run in engine.runs()] == [RunStatus.SUCCEEDED]


def test_postgres_away_under_a_daemon(engine: Engine, server: Postgres, tmp_path: Path) -> None:
    """It lives on and hardly works, says so once, and then records what ended meanwhile; nothing is done twice."""
    on_postgres(engine, server, tmp_path)
    engine.close()
    log = engine.folder / "log"
    with running(engine.config, engine.data, log) as daemon:
        wait_for((tmp_path / "at-work").exists)
        server.control("stop")
        wait_for(lambda: "database-away" in text(log))
        before = Spent.by(daemon.pid)
        (tmp_path / "go-on").touch()
        wait_for(lambda: '"app"' in text(engine.state("alice")))
        time.sleep(3)  # as long as it would have asked several times a second
        assert (Spent.by(daemon.pid) - before).seconds < 1.5  # with what it takes to see Terraform's end
        server.control("start")
        wait_for(lambda: "database-back" in text(log))
        wait_for(lambda: engine.environment("alice").status is Status.READY)
    said = [json.loads(line).get("action") for line in text(log).splitlines() if line.startswith("{")]
    assert [
        each for each in said if each in ("database-away", "database-back", "store-failed", "not-polled")
    ] == [
        "database-away",
        "database-back",
    ]
    assert (tmp_path / "marks").read_text().split() == ["made"]
    assert [run.status for run in engine.runs()][-1:] == [RunStatus.SUCCEEDED], engine.runs()
    assert RunStatus.RUNNING not in {run.status for run in engine.runs()}


def on_postgres(engine: Engine, server: Postgres, folder: Path) -> None:
    """Let the engine keep its records there, and push what waits in the middle of its apply."""
    (engine.folder / "conf").mkdir()
    engine.config = engine.folder / "conf" / "acme.yaml"
    (engine.folder / "conf" / "daemon.yaml").write_text(f"daemon: {{database: '{server.url}'}}\n")
    engine.repository(variables={"folder": str(folder)}).commit("env-alice", code(module=SLOW))
    engine.poll()


@contextmanager
def at_work(engine: Engine, folder: Path) -> Iterator[None]:
    """A pass in the middle of whose apply the block is; then its end is awaited."""

    def work() -> None:
        with suppress(EnvmgrError):  # what could not even be looked at
            engine.work()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        wait_for((folder / "at-work").exists)
        # A Terraform that cannot be noted is ended at once: that is another case than one which loses its database later.
        wait_for(lambda: any(run.child for run in engine.runs()))
        yield
    finally:
        (folder / "go-on").touch()
        worker.join()


def converged(engine: Engine, folder: Path) -> None:
    """After a pass all is as wanted, made once, and no run is left running."""
    engine.turn(2, minutes=2)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice")
    assert (folder / "marks").read_text().split() == ["made"]
    assert all(run.status is not RunStatus.RUNNING for run in engine.runs())


def text(path: Path) -> str:
    """What a file holds, if it is there."""
    return path.read_text() if path.exists() else ""
