"""What people set is beside the state: a lost data folder does not revive, move or make again what they held back."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands import foresight, operations, steering
from envmgr.commands.rollback import roll_back
from envmgr.daemon.housekeeping import tidy
from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.values.environment import Environment, Pin, RunKind, Status, Suspension
from envmgr.domain.values.names import EnvironmentId
from tests.support import warm
from tests.support.engine import MODULE, Engine, code, push

ALICE = EnvironmentId("acme", "shop", "alice")


def said(engine: Engine, name: str = "alice") -> SetByHand | None:
    """What is beside a state, as it stands there."""
    identity = EnvironmentId("acme", "shop", name)
    file = engine.folder / "state" / identity.by_hand_key
    if not file.exists():
        return None
    seal, _, document = file.read_bytes().partition(b"\n")
    assert seal.startswith(b"envmgr-seal 1 ")
    return SetByHand.from_json(document, identity)


def lose(engine: Engine) -> None:
    """The data folder is lost, and a first pass is made without it."""
    engine.lose_data()
    engine.calls()
    engine.turn()


def test_what_was_suspended_rolled_back_or_extended_stays_so(engine: Engine) -> None:
    """Alice is suspended and pushed to, bob rolled back, carol extended, dave given an end, erin never applied."""
    engine.seal_with_a_key()
    engine.settings["ttl"] = {"default": "30d"}
    shop = engine.repository(ttl={"default": None})
    push(shop, ["alice", "bob", "dave"])
    ttl = {".envmgr.yaml": "ttl: 1h"}
    shop.commit("env-carol", code(ttl))
    engine.turn()
    application, clock = engine.application, engine.clock
    steering.suspend(application, engine.environment("alice"))
    first = engine.environment("bob").commit
    shop.commit("env-bob", code(module=MODULE.replace("small", "large")))
    engine.turn()
    roll_back(application, engine.environment("bob"), "previous", lambda *_: True)
    (carol,) = steering.extend(application, [engine.environment("carol")], timedelta(days=3))
    (dave,) = steering.extend(application, [engine.environment("dave")], timedelta(days=2), sets_end=True)
    push(shop, ["erin"])
    engine.poll()
    steering.suspend(application, engine.environment("erin"))
    shop.commit("env-alice", code(module=MODULE.replace("small", "large")))

    lose(engine)

    assert engine.statuses() == {
        "alice": "suspended",
        "bob": "ready",
        "carol": "ready",
        "dave": "ready",
        "erin": "suspended",
    }, [e.message for e in engine.application.services.store.environments()]
    bob = engine.environment("bob")
    assert (bob.pin, bob.applied.commit) == (Pin(first), first)
    assert engine.environment("carol").life.expires_at == carol.life.expires_at
    assert engine.environment("dave").life.expires_at == dave.life.expires_at
    assert "large" not in engine.state("bob").read_text()
    worked = {run.environment.name for run in engine.runs(RunKind.APPLY)}
    assert worked == {"bob", "carol", "dave"}
    assert clock.now < (dave.life.expires_at or clock.now)

    steering.resume(engine.application, engine.environment("alice"))
    engine.turn()
    assert "large" in engine.state("alice").read_text()


def destroyed_by_hand(engine: Engine) -> Environment:
    return operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)


def at_its_end(engine: Engine) -> Environment:
    engine.turn(hours=2)
    return engine.environment("alice")


@pytest.mark.parametrize("end", [destroyed_by_hand, at_its_end])
def test_a_life_that_ended_is_not_made_again(engine: Engine, end: Callable[[Engine], Environment]) -> None:
    """Nothing of it is kept but that; a push brings it back where one would have."""
    engine.seal_with_a_key()
    engine.settings["ttl"] = {"default": "1h"}
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


def test_what_is_beside_the_state_follows_the_record(engine: Engine) -> None:
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


def test_what_could_not_be_kept_is_said_and_made_up_for(engine: Engine) -> None:
    """The verb holds all the same: the record is what counts while it is there."""
    push(engine.repository(), ["alice"])
    engine.turn()
    place, away = engine.folder / "state", engine.folder / "away"
    place.rename(away)
    engine.close()

    done = verb(engine, "suspend", "alice")

    assert done.returncode == 0, done.stderr
    assert "not kept beside its state yet" in done.stderr
    assert str(place) in done.stderr
    assert engine.environment("alice").suspended
    assert engine.actions("alice").count("by-hand-not-kept") == 1
    engine.turn(2, minutes=2)
    assert engine.actions("alice").count("by-hand-not-kept") == 1
    away.rename(place)
    engine.turn(minutes=2)
    kept = said(engine)
    assert kept is not None
    assert kept.suspended == engine.environment("alice").suspended
    assert "not kept beside" not in verb(engine, "suspend", "alice").stderr


def verb(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Type a verb."""
    return warm.run("envmgr", [f"--config={engine.config}", f"--data-dir={engine.data}", *arguments])


def test_what_an_older_release_left_unkept_is_kept_by_housekeeping(engine: Engine) -> None:
    push(engine.repository(), ["alice"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))
    file = engine.folder / "state" / ALICE.by_hand_key
    file.unlink()
    (engine.data / "by-hand" / "acme" / "shop" / "alice").unlink()

    tidy(engine.application.services)

    assert said(engine) is not None


def forge(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"Suspended by", b"Rejoiced by"))


def tear(file: Path) -> None:
    file.write_bytes(b"torn")


@pytest.mark.parametrize("alter", [forge, tear])
def test_what_is_not_surely_ours_leaves_it_alone_until_a_person_says(
    engine: Engine, alter: Callable[[Path], None]
) -> None:
    """It moves nothing and lets nothing through; but that somebody held the environment back counts."""
    engine.seal_with_a_key()
    push(engine.repository(), ["alice"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))
    file = engine.folder / "state" / ALICE.by_hand_key
    alter(file)
    before = file.read_bytes()

    lose(engine)

    alice = engine.environment("alice")
    assert (alice.status, alice.suspended_by) == (Status.SUSPENDED, Suspension.PERSON)
    assert "Rejoiced" not in alice.message
    assert "envmgr resume" in alice.message
    assert set(engine.calls()) <= {"version"}
    assert file.read_bytes() == before


def test_with_the_key_lost_what_was_held_back_is_left_alone(engine: Engine) -> None:
    """The bundle proves nothing then, and neither does this: but nobody is revived by that."""
    push(engine.repository(), ["alice", "bob"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))

    lose(engine)

    assert engine.statuses() == {"alice": "suspended", "bob": "ready"}
    assert "sealed with another key" in engine.environment("alice").message


def test_a_dry_run_knows_what_a_pass_brings_back(engine: Engine) -> None:
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
