"""A clock that is set, forward or back: nothing is taken from the living or destroyed for it, nothing is stuck.

What is due is measured by the clock of the wall: a grace period or an end of life that the clock jumps over is over.
What keeps an environment from being destroyed then are the confirmations, each a look at the remote of its own.
"""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue

import pytest

from envmgr.adapters.processes import identify
from envmgr.daemon.outage import Outage
from envmgr.daemon.polls import Polls
from envmgr.domain.values.environment import ProcessId, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import LeaseTaken
from tests.support.engine import Engine, push

ALICE = EnvironmentId("acme", "shop", "alice")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def other_process() -> Iterator["subprocess.Popen[bytes]"]:
    """A living process of this host, which is not us."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def is_held_by(engine: Engine, owner: ProcessId) -> None:
    """Let another process have the lease of `alice`, taken now."""
    store = engine.application.services.store
    taken = store.acquire(ALICE, owner, "plan by user bob", engine.clock(), 1.5 * MINUTE, lambda _: False)
    assert not isinstance(taken, LeaseTaken)


def test_a_lease_is_not_taken_from_a_living_process(
    engine: Engine, other_process: "subprocess.Popen[bytes]"
) -> None:
    """Though by the clock it ended an hour ago; once the process is dead, it is taken at once, set back or not."""
    push(engine.repository(), ["alice"])
    engine.poll()
    is_held_by(engine, identify(other_process.pid))

    engine.turn(hours=1)

    assert engine.environment("alice").status is Status.PENDING
    assert "plan" not in engine.calls()

    other_process.kill()
    other_process.wait()
    engine.turn(hours=-2)
    assert engine.environment("alice").status is Status.READY


def test_remotes_are_looked_at_when_the_clock_is_set_back(engine: Engine) -> None:
    """And not only when the clock is where it was."""
    shop = engine.repository()
    engine.poll()
    changes: SimpleQueue[str] = SimpleQueue()
    polls = Polls(
        engine.application, lambda repository: changes.put(repository.id.name), Outage(lambda: None)
    )
    push(shop, ["alice"])
    polls.tick()
    assert changes.get(timeout=200) == "shop"

    push(shop, ["bob"])
    engine.clock.forward(hours=-1)

    found = False
    for _ in range(300):  # the look before may not have ended yet
        polls.tick()
        with suppress(Empty):
            found = changes.get(timeout=0.1) == "shop"
            break
    assert found
