"""Logs are one database's: another one that numbers its runs from one again neither continues nor deletes them."""

import os
from collections.abc import Callable
from datetime import timedelta

from envmgr.daemon import housekeeping
from envmgr.domain.values.environment import Run, RunKind
from envmgr.domain.values.names import EnvironmentId
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.memory_store import MemoryStore

ALICE = EnvironmentId("acme", "shop", "alice")


def test_another_database_leaves_the_logs_of_the_first_alone(engine: MemoryEngine) -> None:
    """Run 1 of the one is not run 1 of the other."""
    push(engine.repository(), ["alice"])
    engine.turn()
    first = engine.data / engine.runs()[0].log
    first.write_text("what the first one said")

    before, engine.store = engine.store, MemoryStore()
    engine.restart()
    run = _begun(engine, engine.application.services.layout.log_name)
    assert run.id == before.runs()[-1].id
    assert engine.data / run.log != first
    housekeeping.tidy(engine.application.services)
    assert first.read_text() == "what the first one said"


def test_logs_of_older_releases_go_by_their_run_or_their_age(engine: MemoryEngine) -> None:
    """These were named by the number alone, so that an unknown one may be another database's."""
    push(engine.repository(), ["alice"])
    engine.turn()
    services = engine.application.services
    known = _begun(engine, lambda number: f"logs/0000/{number}.log")
    folder = engine.data / "logs/0000"
    folder.mkdir()
    of_run, unknown, old = (folder / f"{number}.log" for number in (known.id, 7001, 7002))
    for path in (of_run, unknown, old):
        path.write_text("said")
        now = engine.clock().timestamp()
        os.utime(path, (now, now))
    long_ago = (engine.clock() - services.retention - timedelta(days=1)).timestamp()
    os.utime(old, (long_ago, long_ago))
    os.utime(of_run, (long_ago, long_ago))

    housekeeping.tidy(services)

    assert [path.exists() for path in (of_run, unknown, old)] == [True, True, False]


def _begun(engine: MemoryEngine, log: Callable[[int], str]) -> Run:
    """A run that has just begun."""
    services = engine.application.services
    return services.store.start_run(
        ALICE, RunKind.APPLY, "a" * 40, services.owner, "daemon", engine.clock(), log
    )
