"""Rollback: an earlier commit's code, held there until somebody ends that."""

from datetime import timedelta

import pytest

from envmgr.commands import steering
from envmgr.commands.rollback import roll_back
from envmgr.domain.values.environment import RunKind, Status
from envmgr.engine.work.job import NothingDone
from tests.support.engine import MODULE, code, push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.git import MemoryRepository
from tests.support.store import having

SECOND = MODULE + '\nresource "terraform_data" "second" {}\n'
THIRD = SECOND + '\nresource "terraform_data" "third" {}\n'


@pytest.fixture
def shop(engine: MemoryEngine) -> MemoryRepository:
    """A branch that was applied at three commits."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    for module in (SECOND, THIRD):
        shop.commit("env-alice", code(module=module))
        engine.turn(seconds=30)
    assert len(engine.environment("alice").applied.resources) == 3
    return shop


def back(engine: MemoryEngine, revision: str, **options: bool) -> None:
    """Roll alice back, saying yes."""
    roll_back(engine.application, engine.environment("alice"), revision, lambda *_: True, **options)


@pytest.mark.parametrize("revision", ["previous", "HEAD~1", "@~1"])
def test_it_goes_back_and_stays_there(engine: MemoryEngine, shop: MemoryRepository, revision: str) -> None:
    """Whatever is pushed, until `resume`."""
    before = engine.environment("alice").applied.commit
    back(engine, revision)
    alice = engine.environment("alice")
    assert (alice.status, len(alice.applied.resources)) == (Status.READY, 2)
    assert alice.applied.commit != before
    engine.turn(2, seconds=30)
    shop.commit("env-alice", {"app.py": "newer"})
    engine.turn(2, seconds=30)
    assert len(engine.environment("alice").applied.resources) == 2
    assert engine.environment("alice").applied.commit == alice.applied.commit

    steering.resume(engine.application, engine.environment("alice"))
    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (len(alice.applied.resources), alice.applied.commit) == (3, alice.commit)
    assert {"rolled-back", "resumed"} <= set(engine.actions("alice"))


def test_a_push_ends_it_where_that_was_wished(engine: MemoryEngine, shop: MemoryRepository) -> None:
    """`--until-push`."""
    back(engine, "previous", until_push=True)
    engine.turn(2, seconds=30)
    assert len(engine.environment("alice").applied.resources) == 2

    shop.commit("env-alice", {"app.py": "newer"})
    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (len(alice.applied.resources), alice.applied.commit) == (3, alice.commit)


def test_a_hold_outlasts_a_night(engine: MemoryEngine, shop: MemoryRepository) -> None:
    """The commit is nowhere but here, and comes up again in the morning; the end of its life is as it was."""
    first = engine.runs(RunKind.APPLY)[0].commit
    shop.force_push("env-alice", code(module=THIRD))
    shop.commits = {each.name: each for head in shop.refs.values() for each in shop.history(head)}
    engine.turn(seconds=30)
    back(engine, first)
    engine.clock.now = (engine.clock.now + timedelta(days=1)).replace(hour=20)
    engine.settings["schedule"] = {"up": "0 8 * * *", "down": "0 19 * * *"}
    engine.settings["ttl"] = {"default": "30d"}
    store, alice = engine.application.services.store, engine.environment("alice").id
    end = engine.clock() + timedelta(days=99)
    store.update(alice, None, engine.clock(), having(resumed_at=None, expires_at=end))
    engine.restart()
    engine.turn()
    assert (engine.environment("alice").status, engine.environment("alice").claim) == (Status.SUSPENDED, None)
    git = engine.application.services.git
    git.tidy(alice.repository_id, [])

    engine.turn(hours=12)

    after = engine.environment("alice")
    assert (after.status, after.applied.commit) == (Status.READY, first), after.message
    assert after.life.expires_at == end
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert list(git.keeping(alice.repository_id)) == []


def test_no_is_no(engine: MemoryEngine, shop: MemoryRepository) -> None:
    """Nothing is held and nothing changed."""
    with pytest.raises(NothingDone):
        roll_back(engine.application, engine.environment("alice"), "previous", lambda *_: False)
    engine.turn(seconds=30)
    alice = engine.environment("alice")
    assert (alice.status, alice.pin, len(alice.applied.resources)) == (Status.READY, None, 3)


def test_a_push_of_a_moment_ago_counts(engine: MemoryEngine, shop: MemoryRepository) -> None:
    """Its commit is fetched, to count back from it."""
    before = engine.environment("alice").commit
    shop.commit("env-alice", {"app.py": "newer"})
    engine.poll()

    back(engine, "HEAD~1")

    alice = engine.environment("alice")
    assert (alice.applied.commit, alice.target) == (before, before)


def test_a_rolled_back_environment_is_destroyed_as_it_is(
    engine: MemoryEngine, shop: MemoryRepository
) -> None:
    """With the code that was last applied."""
    back(engine, "previous")
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "destroyed"}
