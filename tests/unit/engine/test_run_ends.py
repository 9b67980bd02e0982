"""The end of a run is written with what it settled, whatever its kind; and again where the database did not take it."""

from typing import Any

import pytest

from envmgr.daemon.drift_watch import due, inspect
from envmgr.domain.errors import Transient
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.engine.work import insistence
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine


class Shop:
    """An environment that is deployed and tested, and what its store is asked to write of runs' ends."""

    def __init__(self, engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
        """The first `fails` writes of each run's good end are not taken."""
        self.engine, self.fails = engine, fails
        self.alone: list[RunStatus] = []
        self.refused: dict[int, int] = {}
        engine.settings["drift"] = {"interval": "1h", "action": "report"}
        steps = [{"name": "app", "run": "true"}]
        self.repository = engine.repository(deploy=steps, tests=[{"name": "smoke", "run": "true"}])
        store = engine.store
        self._update, self._finish = store.update, store.finish_run
        monkeypatch.setattr(store, "update", self.update)
        monkeypatch.setattr(store, "finish_run", self.finish)
        monkeypatch.setattr(insistence, "AGAIN", (0.0, 0.0, 0.0))

    def update(
        self, identity: Any, lease: Any, now: Any, change: Any, event: Any = None, ends: Any = None
    ) -> Any:
        """Not taken at first where a run ends by it; what was not taken left nothing behind."""
        if ends is not None and self.refused.setdefault(ends.run, 0) < self.fails:
            self.refused[ends.run] += 1
            raise Transient("The database is away.")
        return self._update(identity, lease, now, change, event, ends)

    def finish(self, run: int, status: RunStatus, *rest: Any) -> None:
        """The end of a run that settles nothing."""
        self.alone.append(status)
        self._finish(run, status, *rest)

    def lives(self) -> None:
        """It is made, looked at, and destroyed."""
        self.repository.commit("env-alice", code())
        self.engine.turn()
        self.engine.clock.forward(hours=2)
        for environment in due(self.engine.application, "acme"):
            inspect(self.engine.application, environment.id)
        self.repository.delete("env-alice")
        self.engine.turn(3, minutes=6)


KINDS = [RunKind.APPLY, RunKind.DEPLOY, RunKind.TEST, RunKind.DRIFT, RunKind.DESTROY]


@pytest.mark.parametrize("fails", [0, 3])
def test_each_kind_ends_with_what_it_settled(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """Nothing ends apart from that; and though the database was away for a moment nothing is done twice."""
    shop = Shop(engine, monkeypatch, fails)
    shop.lives()
    assert shop.alone == []
    assert [run.kind for run in engine.runs()] == KINDS
    assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}
    assert set(shop.refused) == {run.id for run in engine.runs()}
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_database_that_stays_away_ends_the_run_as_failed(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it made is found by the next plan; no run stays as running."""
    shop = Shop(engine, monkeypatch, 4)
    shop.repository.commit("env-alice", code())
    engine.turn()
    assert [run.status for run in engine.runs()] == [RunStatus.FAILED]
    shop.fails = 0
    engine.turn(2, minutes=6)
    assert engine.environment("alice").status is Status.READY
    assert RunStatus.RUNNING not in {run.status for run in engine.runs()}
