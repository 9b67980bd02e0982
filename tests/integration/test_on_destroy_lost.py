"""The steps before a destroy where their commit is not here any more: fetched, or left out and said so."""

from pathlib import Path

import pytest

from envmgr.commands import operations
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, code
from tests.support.git_repository import GitRepository


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """What the steps before a destroy write to."""
    return tmp_path / "done"


def deployed(engine: Engine, done: Path) -> GitRepository:
    """An environment whose destroy begins with a step, and which lost its data folder."""
    engine.seal_with_a_key()
    bye = {"name": "bye", "run": f"cat app.txt >> {done}"}
    shop = engine.repository(deploy=[{"name": "app", "run": "true"}], on_destroy=[bye])
    shop.commit("env-alice", code({"app.txt": "one"}))
    engine.turn()
    engine.lose_data()
    return shop


def test_a_commit_that_is_nowhere_leaves_the_step_out_at_once_and_the_list_says_so(
    engine: Engine, done: Path
) -> None:
    shop = deployed(engine, done)
    shop.delete("env-alice")
    engine.turn(2, minutes=10)
    alice = engine.environment("alice")
    assert alice.status is Status.DESTROYED
    assert "could not be run" in alice.message
    assert "neither here nor at the remote" in alice.message
    assert not done.exists()
    assert engine.calls().count("plan") == 2  # the apply's, and one for the destroy
    assert engine.actions("alice").count("on-destroy-skipped") == 1


def test_a_commit_that_was_merged_is_had_from_the_default_branch(engine: Engine, done: Path) -> None:
    shop = deployed(engine, done)
    shop.point(["main"], shop.head("env-alice") or "")
    shop.delete("env-alice")
    engine.turn(2, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED
    assert done.read_text() == "one"


def test_a_commit_that_its_branch_still_has_is_fetched_before_the_step(engine: Engine, done: Path) -> None:
    """By hand, on a host that never fetched it."""
    deployed(engine, done)
    engine.poll()
    operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)
    assert done.read_text() == "one"
    assert engine.environment("alice").status is Status.SUSPENDED


def test_a_remote_that_is_away_is_waited_for_unless_a_person_does_without(engine: Engine, done: Path) -> None:
    """That it cannot be asked is no proof that the commit is lost."""
    shop = deployed(engine, done)
    engine.poll()
    shop.path.rename(shop.path.with_suffix(".away"))
    with pytest.raises(NeedsPerson, match="--skip-on-destroy"):
        operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)
    assert engine.state("alice").exists()
    operations.destroy(engine.application, engine.environment("alice"), lambda *_: True, leaves_code=True)
    assert not engine.state("alice").exists()


def test_of_a_repository_that_is_not_configured_they_are_left_out(engine: Engine, done: Path) -> None:
    deployed(engine, done)
    engine.poll()
    engine.work()
    engine.repositories["store"] = engine.repositories.pop("shop")
    engine.repository_settings["store"] = engine.repository_settings.pop("shop")
    engine.restart()
    gone = operations.destroy(
        engine.application, operations.find(engine.application, "shop/alice"), lambda *_: True
    )
    assert gone.status is Status.DESTROYED
    assert "their repository is not in the configuration" in gone.message
    assert not done.exists()
