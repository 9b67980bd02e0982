"""Invariant 14, part: what nobody needs goes, what is in use stays."""

from envmgr.daemon import housekeeping
from envmgr.domain.environment import Status
from tests.support.engine import Engine, push


def test_a_round_keeps_what_a_living_environment_needs(engine: Engine) -> None:
    """After it the destroyed one's traces are gone, and the living one can still be destroyed."""
    shop = engine.repository()
    push(shop, ["alice", "bob"])
    engine.turn()
    shop.delete("env-bob")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    shop.commit("env-alice", {"app.py": "1"})
    engine.turn(seconds=30)
    engine.clock.forward(days=31)

    housekeeping.tidy(engine.application.services)

    assert engine.statuses() == {"alice": "ready"}
    assert len(list((engine.data / "logs").rglob("*.log"))) == len(engine.runs())
    assert engine.archived() == []
    assert not (engine.data / "workspaces" / "acme" / "shop" / "bob").exists()
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    housekeeping.tidy(engine.application.services)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_a_round_with_nothing_there_does_nothing(engine: Engine) -> None:
    """A fresh data folder."""
    engine.repository()
    housekeeping.tidy(engine.application.services)
    assert engine.statuses() == {}
