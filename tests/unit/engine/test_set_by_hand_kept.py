"""What people set is beside the state: a lost data folder does not revive, move or make again what they held back."""

from collections.abc import Callable

import pytest

from envmgr.commands import foresight, operations, steering
from envmgr.daemon.housekeeping import tidy
from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.values.environment import Environment, Status, Suspension
from envmgr.domain.values.names import EnvironmentId
from tests.support.engine import code, push
from tests.support.in_memory.engine import MemoryEngine, StateObject

ALICE = EnvironmentId("acme", "shop", "alice")


def said(engine: MemoryEngine, name: str = "alice") -> SetByHand | None:
    """What is beside a state, as it stands there."""
    identity = EnvironmentId("acme", "shop", name)
    file = engine.kept(identity.by_hand_key)
    if not file.exists():
        return None
    seal, _, document = file.read_bytes().partition(b"\n")
    assert seal.startswith(b"envmgr-seal 1 ")
    return SetByHand.from_json(document, identity)


def lose(engine: MemoryEngine) -> None:
    """The data folder is lost, and a first pass is made without it."""
    engine.lose_data()
    engine.calls()
    engine.turn()


def destroyed_by_hand(engine: MemoryEngine) -> Environment:
    return operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)


def at_its_end(engine: MemoryEngine) -> Environment:
    engine.turn(hours=2)
    return engine.environment("alice")


@pytest.mark.parametrize("end", [destroyed_by_hand, at_its_end])
def test_a_life_that_ended_is_not_made_again(
    engine: MemoryEngine, end: Callable[[MemoryEngine], Environment]
) -> None:
    """Nothing of it is kept but that; a push brings it back where one would have."""
    engine.seal_with_a_key()
    engine.settings["ttl"] = {"default": "1h", "warn_before": []}
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    ended = end(engine)
    assert (ended.status, ended.claim) == (Status.SUSPENDED, None), ended.message

    lose(engine)
    lose(engine)

    alice = engine.environment("alice")
    assert (alice.status, alice.suspended, alice.suspended_by) == (
        Status.SUSPENDED,
        ended.suspended,
        ended.suspended_by,
    )
    assert set(engine.calls()) <= {"version"}
    shop.commit("env-alice", code({"more": ""}))
    engine.turn()
    is_back = ended.suspended_by is Suspension.TTL
    assert engine.environment("alice").status is (Status.READY if is_back else Status.SUSPENDED)

    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.statuses() == {"alice": "destroyed"}
    assert said(engine) is None


def test_what_is_beside_the_state_follows_the_record(engine: MemoryEngine) -> None:
    """It is there when the verb returns, and gone when nothing is set any more."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    assert said(engine) is None
    steering.suspend(engine.application, engine.environment("alice"))
    kept = said(engine)
    assert kept is not None
    assert kept.suspended == engine.environment("alice").suspended
    steering.resume(engine.application, engine.environment("alice"))
    kept = said(engine)
    assert kept is not None
    assert (kept.suspended, kept.resumed_at) == (None, engine.environment("alice").life.resumed_at)
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.statuses() == {"alice": "destroyed"}
    assert said(engine) is None


def test_what_an_older_release_left_unkept_is_kept_by_housekeeping(engine: MemoryEngine) -> None:
    push(engine.repository(), ["alice"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))
    file = engine.kept(ALICE.by_hand_key)
    file.unlink()
    (engine.data / "by-hand" / "acme" / "shop" / "alice").unlink()

    tidy(engine.application.services)

    assert said(engine) is not None


def forge(file: StateObject) -> None:
    file.write_bytes(file.read_bytes().replace(b"Suspended by", b"Rejoiced by"))


def tear(file: StateObject) -> None:
    file.write_bytes(b"torn")


@pytest.mark.parametrize("alter", [forge, tear])
def test_what_is_not_surely_ours_leaves_it_alone_until_a_person_says(
    engine: MemoryEngine, alter: Callable[[StateObject], None]
) -> None:
    """It moves nothing and lets nothing through; but that somebody held the environment back counts."""
    engine.seal_with_a_key()
    push(engine.repository(), ["alice"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))
    file = engine.kept(ALICE.by_hand_key)
    alter(file)
    before = file.read_bytes()

    lose(engine)

    alice = engine.environment("alice")
    assert (alice.status, alice.suspended_by) == (Status.SUSPENDED, Suspension.PERSON)
    assert "Rejoiced" not in alice.message
    assert "envmgr resume" in alice.message
    assert set(engine.calls()) <= {"version"}
    assert file.read_bytes() == before


def test_with_the_key_lost_what_was_held_back_is_left_alone(engine: MemoryEngine) -> None:
    """The bundle proves nothing then, and neither does this: but nobody is revived by that."""
    push(engine.repository(), ["alice", "bob"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))

    lose(engine)

    assert engine.statuses() == {"alice": "suspended", "bob": "ready"}
    assert "sealed with another key" in engine.environment("alice").message


def test_a_dry_run_knows_what_a_pass_brings_back(engine: MemoryEngine) -> None:
    """Of a lost record it announces no first apply."""
    engine.seal_with_a_key()
    push(engine.repository(), ["alice"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))
    engine.lose_data()
    push(engine.repositories["shop"], ["bob"])
    engine.restart()

    seen = foresight.foresee(engine.application, ())

    assert [(s.environment.id.name, s.action) for s in seen.steps] == [("alice", "rebuild"), ("bob", "apply")]
