"""What was cancelled before it began is waited for by nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.work.in_time import all_over
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import MemoryForge


def test_what_runs_is_waited_for_and_what_was_cancelled_is_not() -> None:
    go = threading.Event()
    pool = ThreadPoolExecutor(1)
    futures = [pool.submit(go.wait, 20) for _ in range(3)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert not all_over(futures, 0.01)
    go.set()
    assert all_over(futures, 20)


def test_a_daemon_ends_though_more_forges_were_due_than_it_looks_at_at_once(tmp_path: Path) -> None:
    """It ended never: a look that was cancelled in the queue counted as one that is still under way."""
    go = threading.Event()

    class Hanging(MemoryForge):
        def open_pull_requests(self) -> Any:
            go.wait(20)
            return super().open_pull_requests()

    services = World(tmp_path, Rules(forge=Hanging())).daemon.application.services
    shop, forge = services.repositories[SHOP], Hanging()
    names = [RepositoryId("acme", f"r{number}") for number in range(20)]
    repositories = {n: SimpleNamespace(id=n, forge=forge, forge_rules=shop.forge_rules) for n in names}
    stand_in = SimpleNamespace(repositories=repositories, clock=services.clock, fleet=services.fleet)
    watch = ForgeWatch(cast(Any, SimpleNamespace(services=stand_in)), lambda _: None)
    watch.tick()
    watch.close()
    assert not watch.wait(0.01)
    go.set()
    assert watch.wait(20)
