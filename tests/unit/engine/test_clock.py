"""A clock that is set, forward or back: nothing is taken from the living or destroyed for it, nothing is stuck.

What is due is measured by the clock of the wall: a grace period or an end of life that the clock jumps over is over.
What keeps an environment from being destroyed then are the confirmations, each a look at the remote of its own.
"""

from datetime import timedelta
from typing import Any

import pytest

from envmgr.domain.errors import Transient
from envmgr.domain.values.environment import ProcessId, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import LeaseTaken
from tests.support.engine import MODULE, push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.store import having

ALICE = EnvironmentId("acme", "shop", "alice")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
FAILS = 'test "$1" = plan && exit 1\nexec "$real" "$@"'
ELSEWHERE = ProcessId("another-host", "boot/pid:[1]", 7, 7)


def is_held_by(engine: MemoryEngine, owner: ProcessId) -> None:
    """Let another process have the lease of `alice`, taken now."""
    store = engine.application.services.store
    taken = store.acquire(ALICE, owner, "plan by user bob", engine.clock(), 1.5 * MINUTE, lambda _: False)
    assert not isinstance(taken, LeaseTaken)


def test_a_lease_of_another_host_is_not_held_for_ever(engine: MemoryEngine) -> None:
    """Whether its owner lives cannot be known, so the clock decides; set back, it decides that much later."""
    push(engine.repository(), ["alice"])
    engine.poll()
    is_held_by(engine, ELSEWHERE)

    engine.turn(hours=-1)
    assert engine.environment("alice").status is Status.PENDING
    engine.turn(minutes=62)

    assert engine.environment("alice").status is Status.READY


@pytest.mark.parametrize("hours", [-1, 1])
def test_what_is_held_stays_held(engine: MemoryEngine, hours: int) -> None:
    """The clock is set while we work: we go on, and the lease ends by the new clock."""
    push(engine.repository(), ["alice"])
    engine.poll()
    leases, store = engine.application.services.leases, engine.application.services.store
    with leases.hold(ALICE, "test") as lease:
        engine.clock.forward(hours=hours)
        leases.renew()
        assert not leases.is_lost(ALICE)
        assert store.leases(engine.clock())[ALICE].expires_at - engine.clock() <= 2 * MINUTE
        store.update(ALICE, lease, engine.clock(), having(message="still ours"))
    assert store.leases(engine.clock()) == {}


def test_a_lease_that_could_not_be_given_back_is_in_nobodys_way(
    engine: MemoryEngine, monkeypatch: Any
) -> None:
    """Neither in ours, at once, nor in another's, as soon as the database is back."""
    push(engine.repository(), ["alice"])
    engine.poll()
    leases, store = engine.application.services.leases, engine.application.services.store
    with monkeypatch.context() as broken, leases.hold(ALICE, "test"):
        broken.setattr(store, "release", lambda _: (_ for _ in ()).throw(Transient("away")))
    assert ALICE in store.leases(engine.clock())
    with leases.hold(ALICE, "again"):
        pass
    with monkeypatch.context() as broken, leases.hold(ALICE, "test"):
        broken.setattr(store, "release", lambda _: (_ for _ in ()).throw(Transient("away")))

    leases.renew()

    assert store.leases(engine.clock()) == {}


@pytest.mark.parametrize("back", [2 * HOUR, timedelta(days=9000)])
def test_a_back_off_has_an_end(engine: MemoryEngine, back: timedelta) -> None:
    """However far the clock is set back after a failure, no pause gets longer than the longest (an hour)."""
    push(engine.repository(), ["alice"])
    engine.terraform.fails["plan"] = "no luck"
    engine.turn()
    assert engine.environment("alice").failure.retry_at is not None
    engine.terraform.fails.clear()

    engine.clock.now -= back
    engine.turn(2, minutes=1)

    assert engine.environment("alice").status is Status.READY


def test_set_forward_nothing_is_destroyed_by_the_clock_alone(engine: MemoryEngine) -> None:
    """One listing without the branch is not enough, however long ago it seems to be; nor is a failed look."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.delete("env-alice")
    engine.turn()

    engine.clock.forward(hours=1)
    engine.work()
    assert "1 of 2 confirmations" in engine.environment("alice").message
    shop.is_away = True
    assert engine.turn(3, hours=1)
    assert engine.state("alice").exists()
    shop.is_away = False

    engine.turn()
    assert engine.environment("alice").status is Status.WAITING
    engine.turn(minutes=6)
    assert engine.statuses() == {"alice": "destroyed"}


@pytest.mark.parametrize("back", [HOUR, timedelta(days=9000)])
def test_set_back_an_end_is_only_put_off(engine: MemoryEngine, back: timedelta) -> None:
    """By an hour at the most for a clock an hour back; by a clock that was wrong by years the period begins again."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.delete("env-alice")
    engine.turn()

    engine.clock.now -= back
    engine.turn(3, minutes=1)
    assert engine.environment("alice").status is Status.WAITING
    engine.turn(2, minutes=33)

    assert engine.statuses() == {"alice": "destroyed"}


def test_what_waits_for_its_time_is_looked_at_when_the_clock_is_set_back(engine: MemoryEngine) -> None:
    """Else it would be looked at again only when the clock is where it was."""
    push(engine.repository(), ["alice"])
    engine.terraform.fails["plan"] = "no luck"
    engine.turn()
    workers, repositories = engine.application.workers, engine.application.services.repositories
    workers.look(repositories[ALICE.repository_id])
    assert workers.due_again() == []

    engine.clock.forward(hours=-1)

    assert workers.due_again() == [ALICE.repository_id]


def test_a_life_does_not_end_before_its_time_by_a_clock_set_back(engine: MemoryEngine) -> None:
    """And it ends at the time that was said."""
    shop = engine.repository(ttl={"default": "2h", "warn_before": []})
    push(shop, ["alice"], MODULE)
    engine.turn()
    ends = engine.environment("alice").life.expires_at
    assert ends is not None

    engine.turn(hours=-1)
    assert engine.environment("alice").status is Status.READY
    engine.clock.now = ends
    engine.turn()

    assert engine.environment("alice").status is Status.SUSPENDED
