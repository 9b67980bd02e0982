"""Drift: found where the cloud was changed behind Terraform's back, corrected only where that is safe."""

import pytest

from envmgr.commands import steering
from envmgr.commands.rollback import look_for_drift
from envmgr.daemon.drift_watch import due, inspect
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import Guard, RunKind, Status
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.rules import MODULE


@pytest.fixture
def shop(engine: MemoryEngine) -> MemoryEngine:
    """One environment with a queue in the cloud."""
    engine.settings["drift"] = {"interval": "1h", "action": "report"}
    push(engine.repository(), ["alice"], module=MODULE)
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    engine.calls()
    return engine


def alter(engine: MemoryEngine, to: str = "altered behind its back") -> None:
    """Somebody changes the queue by hand."""
    [queue] = engine.in_cloud("alice")
    engine.cloud.inputs[queue] = to


def mend(engine: MemoryEngine) -> None:
    """And back, as it should be."""
    alter(engine, "alice small")


def drift_watch(engine: MemoryEngine) -> list[str]:
    """Check all that is due; gives the Terraform commands that took."""
    for environment in due(engine.application, "acme"):
        inspect(engine.application, environment.id)
    return engine.calls()


def drift(engine: MemoryEngine) -> Drift:
    """What is known of alice's drift."""
    found = engine.environment("alice").drift
    assert found is not None
    return found


def test_a_difference_is_reported_once(shop: MemoryEngine) -> None:
    """Address and attributes, in record and events; the environment stays ready and as it is."""
    alter(shop)
    shop.clock.forward(hours=2)
    drift_watch(shop)
    [difference] = drift(shop).differences
    assert (difference.address, difference.action) == ("aws_sqs_queue.app", "update")
    assert "input" in difference.attributes
    assert shop.environment("alice").status is Status.READY
    shop.clock.forward(hours=2)
    drift_watch(shop)
    assert shop.actions("alice").count("drift") == 1

    mend(shop)
    shop.clock.forward(hours=2)
    drift_watch(shop)
    assert drift(shop).status == "none"
    assert shop.actions("alice").count("drift") == 2


def test_what_is_to_be_ignored_is_no_drift(shop: MemoryEngine) -> None:
    """By the organization's or repository's pattern."""
    shop.repository_settings["shop"]["drift"] = {"ignore": ["aws_sqs_queue.app.*"]}
    shop.restart()
    alter(shop)
    shop.clock.forward(hours=2)
    drift_watch(shop)
    assert drift(shop).status == "none"


def test_what_was_deleted_by_hand_is_made_anew(shop: MemoryEngine) -> None:
    """Nothing is lost by that, so nobody is asked."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    [queue] = shop.in_cloud("alice")
    del shop.cloud.resources[queue]
    shop.clock.forward(hours=2)

    drift_watch(shop)

    alice = shop.environment("alice")
    assert (alice.status, drift(shop).status) == (Status.READY, "none"), alice.message
    assert len(shop.in_cloud("alice")) == 1


def test_after_a_long_gap_a_person_is_asked(shop: MemoryEngine) -> None:
    """Shown as waiting; `approve` corrects it, and so does whoever mends it by hand."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    alter(shop)
    shop.clock.forward(hours=5)
    drift_watch(shop)
    alice = shop.environment("alice")
    assert (alice.status, alice.hold.guard) == (Status.WAITING, Guard.DRIFT)
    assert "nothing was checked since" in alice.message
    assert "envmgr approve acme/shop/alice" in alice.message
    applies = len(shop.runs(RunKind.APPLY))
    shop.turn(2, seconds=30)
    assert shop.environment("alice").status is Status.WAITING
    assert len(shop.runs(RunKind.APPLY)) == applies

    steering.approve(shop.application, shop.environment("alice"))
    shop.turn(seconds=30)

    alice = shop.environment("alice")
    assert (alice.status, alice.hold.guard, drift(shop).status) == (Status.READY, None, "none")
    assert len(shop.runs(RunKind.APPLY)) == applies + 1


def test_held_drift_that_goes_away_by_itself_is_let_go(shop: MemoryEngine) -> None:
    """The next check finds nothing: ready again, nothing applied."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    alter(shop)
    shop.clock.forward(hours=5)
    drift_watch(shop)
    mend(shop)
    shop.clock.forward(hours=2)

    drift_watch(shop)

    assert shop.environment("alice").status is Status.READY
    shop.turn(seconds=30)
    assert len(shop.runs(RunKind.APPLY)) == 1


def test_a_remote_that_is_away_holds_a_correction_back(shop: MemoryEngine) -> None:
    """What was out of reach may be half back."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    alter(shop)
    shop.repositories["shop"].is_away = True
    shop.clock.forward(hours=2)
    shop.poll()

    drift_watch(shop)

    assert "remote could not be read" in shop.environment("alice").message


def test_a_check_that_cannot_run_says_so_and_since_when(shop: MemoryEngine) -> None:
    """Invariant 11: never silently blind."""
    state = shop.state("alice")
    kept = state.read_bytes()
    state.unlink()
    shop.clock.forward(hours=2)
    drift_watch(shop)
    since = shop.clock.now
    shop.clock.forward(hours=2)
    drift_watch(shop)
    assert drift(shop).status == "unknown"
    assert drift(shop).failing_since == since
    assert "is missing" in drift(shop).error
    assert shop.environment("alice").status is Status.READY
    assert shop.actions("alice").count("drift-unknown") == 1

    state.write_bytes(kept)
    shop.clock.forward(hours=2)
    drift_watch(shop)

    assert (drift(shop).status, drift(shop).failing_since) == ("none", None)
    assert "drift-known" in shop.actions("alice")


def test_by_hand_it_is_looked_for_at_once_and_only_reported(shop: MemoryEngine) -> None:
    """Whatever the interval and the action say."""
    shop.repository_settings["shop"]["drift"] = {"action": "correct"}
    shop.restart()
    alter(shop)

    found = look_for_drift(shop.application, shop.environment("alice"))

    assert [d.address for d in found.differences] == ["aws_sqs_queue.app"]
    assert len(shop.runs(RunKind.APPLY)) == 1
    shop.repositories["shop"].commit("env-alice", {"terraform/main.tf": "resource {"})
    shop.turn(seconds=30)
    with pytest.raises(NeedsPerson, match="is failed"):
        look_for_drift(shop.application, shop.environment("alice"))
