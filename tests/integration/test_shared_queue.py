"""Two daemons on hosts of their own work from one queue in PostgreSQL."""

import os
import shutil
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest

from tests.integration.own_host import host
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

SLOW = """
resource "terraform_data" "app" {
  provisioner "local-exec" {
    command = "sleep 1"
  }
}
"""
NAMES = [f"t{number}" for number in range(6)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a host takes namespaces"),
]


def test_a_burst_is_done_once_whoever_takes_what(engine: Engine, postgres_database: str) -> None:
    """Each finds all of it due; no job is left, and none is in the way of the next push."""
    (engine.folder / "daemon.yaml").write_text(
        f"daemon: {{database: '{postgres_database}', queue: procrastinate}}\n"
    )
    engine.settings["polling"] = {"interval": "2s"}
    engine.settings["limits"]["concurrency"] = 2
    shop = engine.repository()
    engine.write()

    def found(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(postgres_database) as connection:
            return connection.execute(query).fetchall()

    def started(name: str) -> bool:
        return b"Started." in (engine.folder / f"log-{name}").read_bytes()

    def ready() -> int:
        return len(found("SELECT name FROM environments WHERE status = 'ready'"))

    with ExitStack() as hosts:
        for name in ("one", "two"):
            hosts.enter_context(host(engine, name))
            wait_for(partial(started, name), 90)
        for name in NAMES:
            shop.commit(f"env-{name}", code(module=SLOW))
        wait_for(lambda: ready() == len(NAMES), 120)
        wait_for(lambda: found("SELECT * FROM procrastinate_jobs") == [], 30)
        shop.commit("env-t0", code(module=SLOW.replace("sleep 1", "sleep 0")))
        wait_for(lambda: found("SELECT name FROM runs WHERE status = 'succeeded' OFFSET 6") != [], 60)
    runs = found("SELECT name, status, owner FROM runs ORDER BY id")
    assert sorted(str(name) for name, *_ in runs[:6]) == NAMES
    assert {status for _, status, _ in runs} == {"succeeded"}
