"""Rollback: an earlier commit's code, held there until somebody ends that."""

import pytest

from envmgr.commands import operations
from envmgr.commands.rollback import roll_back
from envmgr.domain.errors import EnvmgrError, UsageError
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.support.engine import MODULE, Engine, code, push
from tests.support.git_repository import GitRepository

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


@pytest.mark.parametrize("revision", ["nonsense", "HEAD~99", "", "--all", "main..env-alice"])
def test_what_means_no_commit_is_refused_with_a_right_one(
    engine: Engine, shop: GitRepository, revision: str
) -> None:
    """A sentence that shows what could be given."""
    with pytest.raises(UsageError, match="previous") as raised:
        back(engine, revision)
    assert f"no commit '{revision}':" in str(raised.value)


def test_plan_of_another_commit_is_of_that_commit(engine: Engine, shop: GitRepository) -> None:
    """Also where a rollback holds it at a third one."""
    back(engine, "previous")
    first = engine.runs(RunKind.APPLY)[0].commit
    shown = operations.plan(engine.application, engine.environment("alice"), revision=first)
    assert shown.run.commit == first
