"""PostgreSQL's answer to a commit is lost, so that nobody knows whether it came to be: at each commit of the work.

Terraform is in memory, the database a real one behind a proxy that cuts.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest

from envmgr.adapters.store.connect import open_store
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.support.cutting_proxy import CuttingProxy, Lost, cutting_proxy
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.rules import MODULE
from tests.support.in_memory.terraform import Point
from tests.support.memory_store import MemoryStore

_TURNS = 12
_MOST = 60


@contextmanager
def behind(proxy: CuttingProxy, database: str, folder: Path) -> Iterator[MemoryEngine]:
    """An engine whose records are behind a proxy."""
    port = urlsplit(database).port
    store = open_store(database.replace(f":{port}/", f":{proxy.port}/"), folder)
    engine = MemoryEngine(folder, destroy={"confirmations": 2, "grace_period": "0s", "max_at_once": 5})
    engine.store = cast(MemoryStore, store)
    try:
        yield engine
    finally:
        engine.close()
        store.close()


def witnessed(engine: MemoryEngine) -> list[str]:
    """What Terraform does to the cloud, as it does it."""
    done: list[str] = []

    def at(point: Point) -> None:
        if point.command == "apply" and point.step.startswith("changed"):
            done.append(f"{point.step} of {point.key.split('/')[2]}")

    engine.terraform.at = at
    return done


def settle(engine: MemoryEngine, name: str, wanted: Status) -> None:
    """Turns, as a daemon makes them, until an environment is as it should be."""
    for _ in range(_TURNS):
        try:
            engine.turn(minutes=1)
            if engine.statuses().get(name) == wanted:
                return
        except EnvmgrError:
            continue  # as a daemon does where the database is away
    raise AssertionError(f"{name} is {engine.environment(name)}")


@pytest.mark.parametrize("lost", Lost)
def test_each_commit_is_cut_once(lost: Lost, postgres_database: str, tmp_path: Path) -> None:
    """Of an apply and of a destroy. Terraform does each once, the record says so, and no run is left running."""
    with (
        cutting_proxy(urlsplit(postgres_database).port or 0) as proxy,
        behind(proxy, postgres_database, tmp_path) as engine,
    ):
        shop = engine.repository()
        engine.poll()
        cut, done = Counter[Status](), witnessed(engine)
        for number in range(1, _MOST):
            name = f"e{number}"
            for wanted in (Status.READY, Status.DESTROYED):
                if wanted is Status.READY:
                    push(shop, [name], MODULE)
                else:
                    shop.delete(f"env-{name}")
                done.clear()
                proxy.cut(number, lost)
                settle(engine, name, wanted)
                assert done == [f"changed aws_sqs_queue.app of {name}"]
                check(engine, name, wanted)
                cut[wanted] += not proxy.is_waiting
            if max(cut.values()) < number:
                break
    assert min(cut.values()) > 5
    assert max(cut.values()) < _MOST - 1


def check(engine: MemoryEngine, name: str, wanted: Status) -> None:
    """All was done once and is recorded."""
    environment = engine.environment(name)
    kind = RunKind.APPLY if wanted is Status.READY else RunKind.DESTROY
    runs = [run for run in engine.runs(kind) if run.environment == environment.id]
    *before, last = (run.status for run in runs)
    assert last is RunStatus.SUCCEEDED
    # Whoever cannot write what he is about to do does nothing. What is gone, but not closed, is ended once more.
    again = {RunStatus.SUCCEEDED} if wanted is Status.DESTROYED else set()
    assert set(before) <= {RunStatus.INTERRUPTED, RunStatus.FAILED} | again
    assert len(engine.in_cloud(name)) == (1 if wanted is Status.READY else 0)
    if wanted is Status.READY:
        assert environment.applied is not None
        assert environment.applied.commit == environment.commit
    engine.application.services.leases.renew()  # as its thread does: one that could not be given back is by now
    with engine.store._database.read() as connection:  # type: ignore[attr-defined]
        held = connection.exec_driver_sql("SELECT name FROM leases WHERE owner IS NOT NULL").all()
    assert held == []
