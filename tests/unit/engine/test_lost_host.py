"""Invariant 24: what a host did that is gone for good is taken over, and the wait for it has an end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr import __version__
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import LeaseLost, Transient
from envmgr.domain.values.environment import Lease, ProcessId, RunKind, RunStatus
from envmgr.domain.values.hosts.host import Report
from tests.support.engine import MODULE, push
from tests.support.in_memory.engine import MemoryEngine

OWNER, CHILD = ProcessId("gone", "boot", 1, 1), ProcessId("gone", "boot", 2, 2)


def test_a_run_on_another_host_is_waited_for_a_day_and_no_longer(engine: MemoryEngine) -> None:
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    before = engine.environment("alice")
    store = engine.application.services.store
    run = store.start_run(before.id, RunKind.APPLY, before.commit, OWNER, "daemon", engine.clock())
    store.set_child(run.id, CHILD)

    push(shop, ["alice"], MODULE.replace("small", "large"))
    engine.turn()
    waiting = engine.environment("alice")
    assert "is still working on acme/shop/alice" in waiting.message
    assert "if its host is gone, this goes on by itself at" in waiting.message
    engine.turn(20, minutes=60)
    assert engine.environment("alice").applied.commit == before.applied.commit

    engine.turn(10, minutes=60)
    after = engine.environment("alice")
    assert (after.status, after.applied.commit) == ("ready", after.commit)
    [ended] = [each for each in store.runs(before.id) if each.id == run.id]
    assert ended.status is RunStatus.INTERRUPTED


@pytest.mark.parametrize("way", ["silence", "a person"])
def test_a_run_on_a_host_that_is_gone_is_taken_over(engine: MemoryEngine, way: str) -> None:
    """By its silence within a minute, or by a person's word at once; why is said. Before, it is waited for."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    before, store = engine.environment("alice"), engine.store
    owner, child = (replace(p, machine="id of gone") for p in (OWNER, CHILD))
    store.hosts.beat(Report(process=owner, version=__version__, serves=True), engine.clock(), lambda _: False)
    run = store.start_run(before.id, RunKind.APPLY, before.commit, owner, "daemon", engine.clock())
    store.set_child(run.id, child)
    push(shop, ["alice"], MODULE.replace("small", "large"))
    engine.turn()
    assert "is still working on acme/shop/alice" in engine.environment("alice").message

    if way == "silence":
        engine.turn(4, seconds=10)
        assert engine.environment("alice").applied.commit == before.applied.commit
    else:
        store.hosts.forget("id of gone")
    engine.turn(3, seconds=10)

    after = engine.environment("alice")
    assert (after.status, after.applied.commit) == ("ready", after.commit)
    [ended] = [each for each in store.runs(before.id) if each.id == run.id]
    said = "is silent since 20" if way == "silence" else "is gone for good"
    assert ended.status is RunStatus.INTERRUPTED
    assert said in ended.message


def test_a_run_that_could_not_be_ended_is_ended_later(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it ended, though the database was away just then; the work goes on meanwhile."""
    push(engine.repository(), ["alice"])
    with monkeypatch.context() as broken:
        broken.setattr(engine.store, "finish_run", _away)
        engine.turn()
    assert [run.status for run in engine.runs() if run.kind is RunKind.APPLY] == [RunStatus.SUCCEEDED]
    engine.application.services.leases.renew()
    assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}


def test_a_run_that_nobody_attends_is_ended_without_a_push(engine: MemoryEngine) -> None:
    """Though its process lives: it does not hold the environment any more. Only of one that is dead it is said to have ended."""
    push(engine.repository(), ["alice"])
    engine.turn()
    services, alice = engine.application.services, engine.environment("alice")
    dead = engine.host.start()
    engine.host.end(dead)
    left = [
        services.store.start_run(alice.id, RunKind.APPLY, alice.commit, owner, "daemon", engine.clock())
        for owner in (services.owner, dead)
    ]
    engine.turn()
    found = [run for run in engine.runs() if run.id in {each.id for each in left}]
    assert {run.status for run in found} == {RunStatus.INTERRUPTED}
    assert [run.message for run in found] == [
        f"Interrupted: {services.owner} recorded that it began, and nothing after that, and holds the environment no more.",
        f"Interrupted: {dead} ended before the run did.",
    ]


def test_who_lost_the_lease_records_nothing_of_runs(engine: MemoryEngine) -> None:
    """Neither begins nor ends one: what was stopped for longer than it held is late."""
    push(engine.repository(), ["alice"])
    engine.turn()
    store, alice, now = engine.store, engine.environment("alice"), engine.clock()
    lease = store.acquire(alice.id, OWNER, "apply", now, timedelta(minutes=1), lambda _: False)
    assert isinstance(lease, Lease)
    run = store.start_run(alice.id, RunKind.APPLY, alice.commit, lease, "daemon", now)
    assert run.owner == OWNER
    store.acquire(alice.id, CHILD, "apply", now, timedelta(minutes=1), lambda _: True)
    for late in (
        lambda: store.start_run(alice.id, RunKind.APPLY, alice.commit, lease, "daemon", now),
        lambda: store.set_child(run.id, CHILD, lease),
        lambda: store.set_lock(run.id, "x", lease),
        lambda: store.finish_run(run.id, RunStatus.SUCCEEDED, now, lease=lease),
    ):
        with pytest.raises(LeaseLost):
            late()
    assert store.run(run.id) == run


def _away(*_: object) -> None:
    raise Transient("The database is away.")


@pytest.mark.parametrize("is_known", [True, False])
def test_a_lock_that_a_plan_left_goes_with_an_environment_in_which_nothing_was(
    engine: MemoryEngine, is_known: bool
) -> None:
    """Its host died in its first plan. Where nobody saw the lock's ID it is left, and the last word on it says so."""
    shop = engine.repository()
    engine.terraform.fails["plan"] = "no luck"
    push(shop, ["alice"])
    engine.turn()
    before, store = engine.environment("alice"), engine.store
    owner, child = (replace(p, machine="id of gone") for p in (OWNER, CHILD))
    store.hosts.beat(Report(process=owner, version=__version__, serves=True), engine.clock(), lambda _: False)
    run = store.start_run(before.id, RunKind.APPLY, before.commit, owner, "daemon", engine.clock())
    store.set_child(run.id, child)
    if is_known:
        store.set_lock(run.id, "left")
    engine.place.locks[before.id.state_key] = LockInfo(
        "left", "OperationTypePlan", "root@gone", engine.clock()
    )

    shop.delete("env-alice")
    engine.turn(12, minutes=1)

    after = engine.environment("alice")
    assert after.status == "destroyed"
    assert (before.id.state_key in engine.place.locks) is not is_known
    assert ("Its state is still locked by" in after.message) is not is_known
    assert ("unlocked" in engine.actions("alice")) is is_known
