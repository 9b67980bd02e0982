"""A host that died in an apply is taken over within a minute, by another of its own boot, PIDs and name, on PostgreSQL."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from envmgr.domain.values.hosts.terms import LOOKED_AFTER, TAKEN_OVER
from tests.integration.own_host import host
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

# Waits for a file in the middle of its apply; what it makes is a line in another.
SLOW = """
variable "folder" {}
resource "terraform_data" "app" {
  input = var.folder
  provisioner "local-exec" {
    command     = "echo made >> marks; until test -e go-on; do sleep 0.2; done"
    working_dir = self.input
  }
}
"""
_POLLS = 2
_ENDS = TAKEN_OVER.total_seconds() + 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a host takes namespaces"),
]


class Records:
    """What the database says of runs."""

    def __init__(self, url: str) -> None:
        """Whose it is."""
        self.url = url

    def runs(self) -> list[tuple[int, str]]:
        """Number and status of each, the oldest first."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(
                "SELECT id, status FROM runs WHERE name = 'alice' ORDER BY id"
            ).fetchall()

    def knows(self, name: str) -> bool:
        """Whether a branch was seen."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute("SELECT name FROM environments WHERE name = %s", [name])
            return found.fetchone() is not None

    def rows(self) -> list[tuple[object, ...]]:
        """All that they say of the runs, and of what happened in the first one."""
        with psycopg.connect(self.url) as connection:
            runs = connection.execute("SELECT * FROM runs WHERE name = 'alice' ORDER BY id").fetchall()
            events = connection.execute("SELECT id, action FROM events WHERE run = 1 ORDER BY id").fetchall()
            return [*runs, *events]


def children(pid: int) -> list[int]:
    """All that a process started, and what that did, seen from outside."""
    of_threads = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    own = [int(child) for each in of_threads for child in each]
    return [*own, *(found for child in own for found in children(child))]


def daemon_of(pid: int) -> int:
    """The envmgr of a host, whose first process has its words, too."""
    started = sys.executable.encode() + b"\0-m\0envmgr\0daemon"
    return next(p for p in children(pid) if Path(f"/proc/{p}/cmdline").read_bytes().startswith(started))


def looked_after(records: Records, died: float) -> float:
    """How many seconds after its death another host saw what was pushed then; no more than it may take."""
    wait_for(lambda: records.knows("bob"), _ENDS)
    seconds = time.monotonic() - died
    assert seconds <= LOOKED_AFTER.total_seconds() + _POLLS
    return seconds


@pytest.mark.parametrize("dies", ["alone", "stopped"])
def test_its_work_is_taken_over_within_a_minute(
    engine: Engine,
    postgres_database: str,
    tmp_path: Path,
    dies: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Though its Terraform lived on, which has ended by then. The remote that it looked at is looked at by the other before.

    A daemon that was only stopped writes nothing of it once it goes on.
    """
    (engine.folder / "daemon.yaml").write_text(f"daemon: {{database: '{postgres_database}'}}\n")
    engine.settings["polling"] = {"interval": f"{_POLLS}s"}
    shop = engine.repository(variables={"folder": str(tmp_path)})
    engine.write()
    records, marks = Records(postgres_database), tmp_path / "marks"
    with ExitStack() as hosts:
        first = hosts.enter_context(host(engine, "one"))
        wait_for(lambda: b"Started." in (engine.folder / "log-one").read_bytes(), 90)
        shop.commit("env-alice", code(module=SLOW))
        wait_for(marks.exists, 120)
        hosts.enter_context(host(engine, "two"))
        wait_for(lambda: b"Started." in (engine.folder / "log-two").read_bytes(), 90)
        time.sleep(3)  # it found the environment held
        assert [status for _, status in records.runs()] == ["running"]
        daemon = daemon_of(first.pid)
        terraform = [p for p in children(daemon) if b"\0apply\0" in Path(f"/proc/{p}/cmdline").read_bytes()]
        assert terraform
        os.kill(daemon, signal.SIGSTOP if dies == "stopped" else signal.SIGKILL)
        died = time.monotonic()
        shop.commit("env-bob", code())
        time.sleep(1)
        assert all(map(_lives, terraform))
        record_property("looked", looked_after(records, died))
        wait_for(lambda: len(records.runs()) > 1, _ENDS)
        took = time.monotonic() - died
        assert not any(map(_lives, terraform))
        assert took <= TAKEN_OVER.total_seconds()
        (tmp_path / "go-on").touch()
        wait_for(lambda: [s for _, s in records.runs()][-1] == "succeeded", 120)
        if dies == "stopped":
            before = records.rows()
            os.kill(daemon, signal.SIGCONT)
            wait_for(lambda: b"is over" in (engine.folder / "log-one").read_bytes(), 60)
            assert records.rows() == before
        record_property("seconds", took)
        record_property("load", os.getloadavg()[0])
    assert [s for _, s in records.runs()] == ["interrupted", "succeeded"]
    assert len(marks.read_text().splitlines()) <= 2


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
