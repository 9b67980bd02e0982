"""Rollback: an earlier commit's code, held there until somebody ends that."""

from datetime import timedelta

import pytest

from envmgr.commands import operations, steering
from envmgr.commands.rollback import roll_back
from envmgr.domain.errors import EnvmgrError, UsageError
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.engine.work.job import NothingDone
from tests.support.engine import MODULE, Engine, code, push
from tests.support.git_repository import GitRepository
from tests.support.store import having

SECOND = MODULE + '\nresource "terraform_data" "second" {}\n'
THIRD = SECOND + '\nresource "terraform_data" "third" {}\n'


@pytest.fixture
def shop(engine: Engine) -> GitRepository:
    """A branch that was applied at three commits."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    for module in (SECOND, THIRD):
        shop.commit("env-alice", code(module=module))
        engine.turn(seconds=30)
    assert len(engine.environment("alice").applied.resources) == 3
    return shop


def back(engine: Engine, revision: str, **options: bool) -> None:
    """Roll alice back, saying yes."""
    roll_back(engine.application, engine.environment("alice"), revision, lambda *_: True, **options)


@pytest.mark.parametrize("revision", ["previous", "HEAD~1", "@~1"])
def test_it_goes_back_and_stays_there(engine: Engine, shop: GitRepository, revision: str) -> None:
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


def test_a_push_ends_it_where_that_was_wished(engine: Engine, shop: GitRepository) -> None:
    """`--until-push`."""
    back(engine, "previous", until_push=True)
    engine.turn(2, seconds=30)
    assert len(engine.environment("alice").applied.resources) == 2

    shop.commit("env-alice", {"app.py": "newer"})
    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (len(alice.applied.resources), alice.applied.commit) == (3, alice.commit)


def test_a_commit_that_the_remote_forgot_is_still_there(engine: Engine, shop: GitRepository) -> None:
    """It was applied once, so it is kept; the branch was force-pushed since."""
    first = engine.runs(RunKind.APPLY)[0].commit
    shop.force_push("env-alice", code(module=THIRD))
    shop.git("gc", "--quiet", "--prune=now")
    with pytest.raises(AssertionError):
        shop.git("cat-file", "-e", first)
    engine.turn(seconds=30)
    engine.application.services.git.tidy(engine.environment("alice").id.repository_id, [])

    back(engine, first[:12])

    alice = engine.environment("alice")
    assert (alice.applied.commit, len(alice.applied.resources)) == (first, 1)


def test_a_hold_outlasts_a_night(engine: Engine, shop: GitRepository) -> None:
    """The commit is nowhere but here, and comes up again in the morning; the end of its life is as it was."""
    first = engine.runs(RunKind.APPLY)[0].commit
    shop.force_push("env-alice", code(module=THIRD))
    shop.git("gc", "--quiet", "--prune=now")
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


def test_no_is_no(engine: Engine, shop: GitRepository) -> None:
    """Nothing is held and nothing changed."""
    with pytest.raises(NothingDone):
        roll_back(engine.application, engine.environment("alice"), "previous", lambda *_: False)
    engine.turn(seconds=30)
    alice = engine.environment("alice")
    assert (alice.status, alice.pin, len(alice.applied.resources)) == (Status.READY, None, 3)


@pytest.mark.parametrize(
    ("files", "said"),
    [({"terraform/main.tf": "resource {"}, "HEAD|main.tf|block"), ({"terraform/main.tf": None}, "no folder")],
    ids=["code that cannot be planned", "no code"],
)
def test_what_cannot_be_planned_changes_nothing(
    engine: Engine, shop: GitRepository, files: dict[str, str | None], said: str
) -> None:
    """The environment is as it was; who asked is told, and the history has it."""
    broken = shop.commit("env-alice", files)
    shop.commit("env-alice", code(module=THIRD))
    engine.turn(seconds=30)
    before = engine.environment("alice")

    with pytest.raises(EnvmgrError, match=said) as raised:
        back(engine, "HEAD~1")

    alice = engine.environment("alice")
    assert (alice.status, alice.message, alice.pin) == (Status.READY, before.message, None)
    assert (alice.failure.count, alice.failure.on) == (0, "")
    last = engine.runs()[-1]
    assert (last.commit, last.status, last.message) == (broken, RunStatus.FAILED, str(raised.value))
    engine.turn(2, minutes=30)
    assert engine.runs()[-1] == last


def test_a_push_of_a_moment_ago_counts(engine: Engine, shop: GitRepository) -> None:
    """Its commit is fetched, to count back from it."""
    before = engine.environment("alice").commit
    shop.commit("env-alice", {"app.py": "newer"})
    engine.poll()

    back(engine, "HEAD~1")

    alice = engine.environment("alice")
    assert (alice.applied.commit, alice.target) == (before, before)


@pytest.mark.parametrize("revision", ["nonsense", "HEAD~99", "", "--all", "main..env-alice"])
def test_what_means_no_commit_is_refused_with_a_right_one(
    engine: Engine, shop: GitRepository, revision: str
) -> None:
    """A sentence that shows what could be given."""
    with pytest.raises(UsageError, match="previous") as raised:
        back(engine, revision)
    assert f"no commit '{revision}':" in str(raised.value)


def test_a_rolled_back_environment_is_destroyed_as_it_is(engine: Engine, shop: GitRepository) -> None:
    """With the code that was last applied."""
    back(engine, "previous")
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "destroyed"}


def test_plan_of_another_commit_is_of_that_commit(engine: Engine, shop: GitRepository) -> None:
    """Also where a rollback holds it at a third one."""
    back(engine, "previous")
    first = engine.runs(RunKind.APPLY)[0].commit
    shown = operations.plan(engine.application, engine.environment("alice"), revision=first)
    assert shown.run.commit == first
