"""A host whose clock is set while its daemon works with PostgreSQL: nothing ends early for it, and it says so."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.own_host import host
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

# libfaketime refuses the sleeps of Python's, which are until a moment of the clock that it leaves alone.
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a host takes namespaces"),
    pytest.mark.skipif(
        FAKETIME is None, reason="Debian's libfaketime is absent: tests/support/install-parts"
    ),
]


class Clock:
    """The clock of the hosts that an engine starts from now on."""

    def __init__(self, engine: Engine) -> None:
        """Right, until it is set."""
        self._file = engine.folder / "clock"
        self.set("+0")
        (engine.folder / "site").mkdir()
        (engine.folder / "site/sitecustomize.py").write_text(_SLEEP)
        engine.environ |= {
            "PYTHONPATH": str(engine.folder / "site"),
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, by: str) -> None:
        """By so much, as libfaketime understands it."""
        made = self._file.with_suffix(".new")
        made.write_text(f"{by}\n")
        made.replace(self._file)


def test_a_clock_that_is_set_ends_nothing(engine: Engine, postgres_database: str) -> None:
    """A life of half an hour is not over though the clock of its host says so; set right, all goes on, by the right time.

    So it is where the daemon starts by a wrong one: it begins nothing, and looks at no remote.
    """
    (engine.folder / "daemon.yaml").write_text(f"daemon: {{database: '{postgres_database}'}}\n")
    engine.settings["polling"] = {"interval": "1s"}
    shop = engine.repository(ttl={"default": "30m", "warn_before": []})
    engine.write()
    clock = Clock(engine)
    log = engine.folder / "log-one"

    def found(query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(postgres_database) as connection:
            return connection.execute(query).fetchall()

    def ready(name: str) -> bool:
        return found(f"SELECT name FROM environments WHERE status = 'ready' AND name = '{name}'") != []

    def is_passive(said: str, times: int) -> None:
        wait_for(lambda: log.exists() and log.read_bytes().count(said.encode()) == times, 90)
        [shown] = hosts_shown(engine)
        assert (shown["status"], said in shown["why"]) == ("passive", True)

    with ExitStack() as hosts:
        clock.set("+1h")
        shop.commit("env-alice", code())
        hosts.enter_context(host(engine, "one"))
        is_passive("ahead of", 1)
        assert not found("SELECT name FROM environments")
        clock.set("+0")
        wait_for(lambda: ready("alice"), 60)

        for number, (by, said) in enumerate((("+1h", "ahead of"), ("-1h", "behind")), start=2):
            clock.set(by)
            is_passive(said, 1 if by == "-1h" else number)
            if by == "-1h":
                shop.commit("env-bob", code())
                is_passive(said, 1)
            assert not found("SELECT name FROM environments WHERE name = 'bob'")
            clock.set("+0")
            wait_for(lambda n=number: log.read_bytes().count(b"This host takes work again.") == n, 30)  # type: ignore[misc]
        wait_for(lambda: ready("bob"), 60)
    runs = found("SELECT name, kind, status FROM runs ORDER BY id")
    assert runs == [("alice", "apply", "succeeded"), ("bob", "apply", "succeeded")]
    lives = found("SELECT extract(epoch FROM expires_at::timestamptz - now()) / 60 FROM environments")
    assert all(27 < minutes <= 30 for (minutes,) in lives)


def hosts_shown(engine: Engine) -> list[dict[str, Any]]:
    """What a person is told, from a host whose clock is right."""
    words = ["--config", str(engine.config), "--data-dir", str(engine.folder / "data-person")]
    done = subprocess.run(
        [sys.executable, "-m", "envmgr", *words, "hosts", "list", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ},
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [each for each in found if each["name"] == "one"]
