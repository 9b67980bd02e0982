"""What people set is beside the state: a lost data folder does not revive, move or make again what they held back."""

import subprocess
from datetime import timedelta

from envmgr.commands import steering
from envmgr.commands.rollback import roll_back
from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.values.environment import Pin, RunKind
from envmgr.domain.values.names import EnvironmentId
from tests.support import warm
from tests.support.engine import MODULE, Engine, code, push


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
