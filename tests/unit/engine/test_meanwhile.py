"""What began and did not end, and what arrives while a long run is under way: none of it is lost, or taken for done."""

from pathlib import Path

import pytest

from envmgr.commands import steering
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, RunKind, RunStatus, Status
from tests.support.engine import code, push
from tests.support.in_memory.engine import MemoryEngine


def last(engine: MemoryEngine, kind: RunKind) -> RunStatus:
    """How the newest run of a kind ended."""
    return engine.runs(kind)[-1].status


def test_steps_before_a_destroy_that_failed_half_way_are_made_up_for(
    engine: MemoryEngine, tmp_path: Path
) -> None:
    """The branch comes back after they took the site down: it is deployed again."""
    served, refuses = tmp_path / "served", tmp_path / "refuses"
    refuses.touch()
    shop = engine.repository(
        deploy=[{"name": "copy", "run": f"cp web.txt {served}", "when": "code"}],
        on_destroy=[{"name": "bye", "run": f"rm -f {served}; ! test -e {refuses}"}],
    )
    shop.commit("env-alice", code({"web.txt": "good"}))
    engine.turn()
    at = engine.environment("alice").commit
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    assert not served.exists()
    assert engine.environment("alice").status is Status.FAILED
    shop.point(["env-alice"], at)
    engine.turn(seconds=5)
    assert (engine.environment("alice").status, served.read_text()) == (Status.READY, "good")


@pytest.fixture
def over(engine: MemoryEngine) -> Environment:
    """A branch whose time to live is over."""
    engine.settings["ttl"] = {"default": "2h", "warn_before": []}
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.clock.forward(hours=2)
    return engine.environment("alice")


def test_a_push_while_the_end_of_its_life_deletes_is_taken_up_after_it(
    engine: MemoryEngine, over: Environment
) -> None:
    """It comes back at the pushed commit."""

    def meanwhile() -> None:
        engine.repositories["shop"].commit("env-alice", {"app.py": "new"})
        engine.poll()
        with pytest.raises(NeedsPerson, match="is being deleted already"):
            steering.suspend(engine.application, engine.environment("alice"))

    engine.meanwhile("apply", "locked", meanwhile)
    engine.work()
    commit = engine.repositories["shop"].head("env-alice")
    assert commit != over.commit
    assert last(engine, RunKind.DESTROY) is RunStatus.SUCCEEDED
    engine.turn(2, seconds=5)
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, commit), alice.message


@pytest.mark.parametrize("wish", ["push", "suspend", "extend"])
def test_what_comes_before_anything_is_deleted_calls_the_end_off(
    engine: MemoryEngine, over: Environment, wish: str
) -> None:
    """While the destroy is planned: what the environment has stays, and the wish holds."""

    def meanwhile() -> None:
        alice = engine.environment("alice")
        match wish:
            case "push":
                engine.repositories["shop"].commit("env-alice", {"app.py": "new"})
                engine.poll()
            case "suspend":
                steering.suspend(engine.application, alice)
            case _:
                steering.extend(engine.application, [alice], engine.clock.now - over.life.created_at)

    engine.meanwhile("plan", "begins", meanwhile)
    engine.work()
    assert last(engine, RunKind.DESTROY) is RunStatus.SUPERSEDED
    assert "destroy-called-off" in engine.actions("alice")
    engine.turn(seconds=5)
    alice = engine.environment("alice")
    assert alice.claim is not None
    assert alice.status is (Status.SUSPENDED if wish == "suspend" else Status.READY), alice.message


def test_a_branch_that_comes_back_in_the_steps_before_its_destroy_stays(
    engine: MemoryEngine,
) -> None:
    """They are the last moment at which nothing is deleted; it is asked once more after them."""
    shop = engine.repository(on_destroy=[{"name": "bye", "run": "true"}])
    push(shop, ["alice"])
    engine.turn()
    at = engine.environment("alice").commit
    shop.delete("env-alice")
    engine.poll()
    engine.clock.forward(minutes=6)
    engine.poll()

    def comes_back(_: object) -> None:
        shop.point(["env-alice"], at)
        engine.poll()

    engine.steps.at_work = comes_back
    engine.work()
    engine.turn(seconds=5)
    alice = engine.environment("alice")
    assert (alice.status, alice.claim is not None) == (Status.READY, True), alice.message
    assert last(engine, RunKind.DESTROY) is RunStatus.SUPERSEDED


def test_a_deletion_does_not_wait_for_the_pause_of_a_failed_deploy(engine: MemoryEngine) -> None:
    """Eight tries failed, so the next is long off; the branch is surely gone all the same."""
    engine.settings["destroy"] = {"confirmations": 1, "grace_period": "0s"}
    shop = engine.repository(deploy=[{"name": "no", "run": "false"}])
    push(shop, ["alice"])
    engine.turn()
    engine.turn(8, hours=1)
    assert engine.environment("alice").failure.count >= 8
    shop.delete("env-alice")
    engine.turn(seconds=1)
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_first_branch_that_was_never_applied_is_closed_without_a_place_for_states(
    engine: MemoryEngine,
) -> None:
    """A typo in its file: nothing was ever made, so there is nothing to look for."""
    shop = engine.repository()
    shop.commit("env-alice", code({".envmgr.yaml": "variabels: {}"}))
    engine.turn()
    assert engine.environment("alice").status is Status.FAILED
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    alice = engine.environment("alice")
    assert (alice.status, "nothing was applied" in alice.message) == (Status.DESTROYED, True), alice.message
    assert not engine.place.exists


def test_closing_that_fails_is_paused_and_said_once_for_each_try(engine: MemoryEngine) -> None:
    """Where the place is known to hold others' states, one that cannot be read closes nothing, in its own time."""
    shop = engine.repository()
    push(shop, ["bob"])
    shop.commit("env-alice", code({".envmgr.yaml": "variabels: {}"}))
    engine.turn()
    engine.place.exists = False
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    for _ in range(20):
        engine.work()
    alice = engine.environment("alice")
    assert (alice.status, alice.failure.count) == (Status.FAILED, 1), alice.message
    assert engine.actions("alice").count("failed") == 2  # of the typo, and of the closing

    engine.place.exists = True
    engine.turn(hours=1)
    assert engine.environment("alice").status is Status.DESTROYED
