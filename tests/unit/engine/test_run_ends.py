"""The end of a run is written with what it settled, whatever its kind; and again where the database did not take it."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.daemon.drift_watch import due, inspect
from envmgr.domain.errors import Transient
from envmgr.domain.rules.transitions.ends import emptied
from envmgr.domain.values.environment import Lease, RunKind, RunStatus, Status
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.engine.context.late_ends import LateEnd
from envmgr.engine.work import insistence
from envmgr.engine.work.insistence import Unwritten
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine

if TYPE_CHECKING:
    from collections.abc import Callable


class Shop:
    """An environment that is deployed and tested, and what its store is asked to write of runs' ends."""

    def __init__(self, engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
        """The first `fails` writes of each run's good end are not taken."""
        self.engine, self.fails = engine, fails
        self.alone: list[RunStatus] = []
        self.refused: dict[int, int] = {}
        self.on_last: Callable[[], None] = lambda: None
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
            if self.refused[ends.run] == self.fails:
                self.on_last()
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


@pytest.mark.parametrize("deploys", [False, True])
def test_what_is_written_before_the_end_is_insisted_upon_with_it(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, deploys: bool
) -> None:
    """A database that is away as an apply, a deploy or a test ends is away for what is noted first, too."""
    shop = Shop(engine, monkeypatch, 0)
    if not deploys:
        shop.repository = engine.repository()
    releases, away = engine.store.pipeline.releases, dict[str, int]()

    def get(*asked: Any) -> Any:
        # Each time that it is asked while nothing else is written in between.
        done = str([run.status for run in engine.runs()])
        away[done] = away.get(done, 0) + 1
        if RunStatus.RUNNING in {run.status for run in engine.runs()} and away[done] <= 2:
            raise Transient("The database is away.")
        return found(*asked)

    found = releases.get
    monkeypatch.setattr(releases, "get", get)
    shop.repository.commit("env-alice", code())
    engine.turn()
    assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}
    assert calls_of(engine, "apply") == 1
    assert max(away.values()) > 2
    assert engine.environment("alice").status is Status.READY


def test_a_destroy_that_ended_while_the_database_was_away_is_not_done_again(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back within the time that it insists, what is written between the deletion and the end is written then."""
    shop = Shop(engine, monkeypatch, 0)
    shop.repository.commit("env-alice", code())
    engine.turn()
    update, tries = engine.store.update, list[Any]()

    def away(identity: Any, lease: Any, now: Any, change: Any, *rest: Any) -> Any:
        if change is emptied and len(tries) < 3:
            tries.append(change)
            raise Transient("The database is away.")
        return update(identity, lease, now, change, *rest)

    monkeypatch.setattr(engine.store, "update", away)
    shop.repository.delete("env-alice")
    engine.turn(3, minutes=6)
    assert len(tries) == 3
    assert [(run.kind, run.status) for run in engine.runs()][-1:] == [(RunKind.DESTROY, RunStatus.SUCCEEDED)]
    assert len(engine.runs(RunKind.DESTROY)) == 1


def calls_of(engine: MemoryEngine, command: str) -> int:
    """How often Terraform was asked for it."""
    return engine.calls().count(command)


@pytest.mark.parametrize("tries", [4, 5, 7])
def test_an_outage_longer_than_it_insists_is_recorded_as_what_it_was(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """Where nobody else took it over: written as its lease is given back, when that is tried again, or before the next."""
    shop = Shop(engine, monkeypatch, tries)
    late = engine.application.services.leases.late_ends
    kept, keep = list[int](), late.keep

    def noted(end: LateEnd) -> None:
        kept.append(end.run)
        keep(end)

    monkeypatch.setattr(late, "keep", noted)
    shop.repository.commit("env-alice", code())
    for _ in range(6):
        engine.turn()
        engine.application.services.leases.renew()  # as its thread does
    assert kept == [run.id for run in engine.runs()]
    assert calls_of(engine, "apply") == 1
    assert [run.kind for run in engine.runs()] == KINDS[:3]
    assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}
    assert engine.environment("alice").status is Status.READY
    assert "failed" not in engine.actions("alice")


def test_nothing_begins_before_what_was_done_is_written(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is not given back either, so that nobody else begins anything as long as it lasts."""
    shop = Shop(engine, monkeypatch, 10**6)
    shop.repository.commit("env-alice", code())
    engine.turn()
    services, alice = engine.application.services, engine.environment("alice").id
    with (
        pytest.raises(Transient, match="could not be written to the database yet"),
        services.leases.hold(alice, "apply"),
    ):
        pytest.fail("It began.")
    assert calls_of(engine, "apply") == 1
    assert alice in engine.store.leases(engine.clock.now)
    shop.fails = 0
    services.leases.renew()
    assert not engine.store.leases(engine.clock.now)
    assert [run.status for run in engine.runs()] == [RunStatus.SUCCEEDED]


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_that_ends_before_it_could_write_what_was_done_loses_nothing_by_that(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, kind: RunKind
) -> None:
    """As after a kill the next one reads what an apply or a destroy came to from the state; all else is done, and told, again."""
    shop = Shop(engine, monkeypatch, 0)
    refused = list[int]()

    def update(identity: Any, lease: Any, now: Any, change: Any, event: Any = None, ends: Any = None) -> Any:
        is_it = ends is not None and (not refused or ends.run in refused)
        run = engine.store.run(ends.run) if is_it else None
        if run is not None and run.kind is kind:
            refused.append(run.id)
            raise Transient("The database is away.")
        return shop.update(identity, lease, now, change, event, ends)

    monkeypatch.setattr(engine.store, "update", update)
    shop.repository.commit("env-alice", code())
    engine.turn()
    if kind is RunKind.DRIFT:
        engine.clock.forward(hours=2)
        with suppress(Unwritten):
            inspect(engine.application, engine.environment("alice").id)
    if kind is RunKind.DESTROY:
        shop.repository.delete("env-alice")
        engine.turn(3, minutes=6)
    assert refused
    assert engine.application.services.leases.late_ends.are_left_of(engine.environment("alice").id)
    before = engine.application.services.owner
    engine.restart()
    engine.host.end(before)
    monkeypatch.setattr(engine.store, "update", shop.update)
    engine.turn(3, minutes=6)
    for environment in due(engine.application, "acme"):
        inspect(engine.application, environment.id)
    is_read, is_gone = kind in (RunKind.APPLY, RunKind.DESTROY), kind is RunKind.DESTROY
    (lost,) = [run for run in engine.runs() if run.id == refused[0]]
    assert lost.status is (RunStatus.SUCCEEDED if is_read else RunStatus.INTERRUPTED)
    again = [run for run in engine.runs(kind) if run.id > lost.id]
    assert {run.status for run in again} <= {RunStatus.SUCCEEDED}
    assert is_read or again
    assert ("taken-over" if is_read else "interrupted") in engine.actions("alice")
    assert engine.environment("alice").status is (Status.DESTROYED if is_gone else Status.READY)
    assert calls_of(engine, "apply") == 1 + is_gone
    assert engine.store.leases(engine.clock.now, over=True) == {}


def test_who_took_it_over_meanwhile_is_not_overruled(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outage lasted longer than the lease: what is known late is refused, and what the other found stays."""
    shop = Shop(engine, monkeypatch, 4)
    shop.repository.commit("env-alice", code())
    other = replace(engine.application.services.owner, pid=2)

    def refused() -> None:
        alice, now = engine.environment("alice").id, engine.clock.now
        taken = engine.store.acquire(alice, other, "apply", now, TERMS.lease, lambda _: True, lambda _: False)
        assert isinstance(taken, Lease)
        shop.fails = 0

    shop.on_last = refused
    engine.turn(6)
    assert engine.runs()[0].message.endswith("envmgr was restarted meanwhile.")
    assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}
    assert engine.environment("alice").status is Status.READY
    assert calls_of(engine, "apply") == 1
