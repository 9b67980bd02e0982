"""A time to live: what it ends, and what brings it back."""

from envmgr.commands import steering
from envmgr.domain.values.environment import Status
from tests.support.engine import code, push
from tests.support.in_memory.engine import MemoryEngine


def test_an_environment_ends_with_its_time_and_a_push_brings_it_back(engine: MemoryEngine) -> None:
    """Destroyed and suspended with the reason; the branch stays."""
    engine.settings["ttl"] = {"default": "2h", "max": "3h"}
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    assert engine.environment("alice").life.expires_at is not None

    engine.turn(hours=1)
    assert engine.actions("alice")[-1] == "expires-soon"
    engine.turn(hours=1)
    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.SUSPENDED, None)
    assert "time to live" in alice.message
    engine.turn(hours=1)
    assert engine.environment("alice").status is Status.SUSPENDED
    shop.commit("env-alice", {"app.py": "again"})
    engine.turn(seconds=30)

    assert engine.environment("alice").status is Status.READY


def test_resume_gives_a_new_life(engine: MemoryEngine) -> None:
    """Not one that is over already."""
    engine.settings["ttl"] = {"default": "2h", "warn_before": []}
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    engine.turn(hours=3)
    assert engine.environment("alice").status is Status.SUSPENDED

    steering.resume(engine.application, engine.environment("alice"))
    engine.turn(2, seconds=30)

    assert engine.environment("alice").status is Status.READY
    engine.turn(hours=1)
    assert engine.environment("alice").status is Status.READY
    engine.turn(hours=2)
    assert engine.environment("alice").status is Status.SUSPENDED


def test_a_branch_asks_for_a_time_and_gets_at_most_the_longest(engine: MemoryEngine) -> None:
    """Cut, with a message; protected ones never end."""
    engine.settings["ttl"] = {"max": "3h", "warn_before": []}
    shop = engine.repository(protected=["env-prod"])
    shop.commit("env-alice", code({".envmgr.yaml": "ttl: 7d"}))
    shop.commit("env-prod", code({".envmgr.yaml": "ttl: 1h"}))
    engine.turn()
    assert "ttl.max" in engine.environment("alice").message

    engine.turn(hours=3)

    assert engine.environment("alice").status is Status.SUSPENDED
    assert engine.environment("prod").status is Status.READY


def test_that_it_was_cut_is_said_after_health_and_tests_as_well(engine: MemoryEngine) -> None:
    """They come in passes of their own."""
    engine.settings["ttl"] = {"max": "3h", "warn_before": []}
    tests, health = [{"name": "smoke", "run": "true"}], {"run": "true"}
    shop = engine.repository(deploy=[{"name": "app", "run": "true"}], health=health, tests=tests)
    shop.commit("env-alice", code({".envmgr.yaml": "ttl: 7d"}))
    engine.turn(3)
    alice = engine.environment("alice")
    assert (alice.status, alice.message) == (Status.READY, "Its ttl is cut to ttl.max.")
