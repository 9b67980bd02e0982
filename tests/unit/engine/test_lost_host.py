"""Invariant 24: what a host did that is gone for good is taken over, and the wait for it has an end."""

from envmgr.domain.values.environment import ProcessId, RunKind, RunStatus
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
