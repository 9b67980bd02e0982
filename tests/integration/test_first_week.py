"""What a person meets in the first week: a repository that cannot be looked at, a backup that was put back."""

import shutil
from pathlib import Path

import pytest

from envmgr.cli.program import main
from envmgr.domain.values.environment import Status
from envmgr.engine.reconcile import unmanaged
from tests.support.engine import Engine, push


def listed(engine: Engine, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What `envmgr list` says beside the table."""
    engine.close()
    capsys.readouterr()
    assert main(["list", *more, "--config", str(engine.config), "--data-dir", str(engine.data)]) == 0
    return capsys.readouterr().err


def test_a_new_repository_that_cannot_be_looked_at_is_said_beside_others(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though it has no environment yet; and no more once it is out of the file."""
    push(engine.repository(), ["alice"])
    wrong = engine.repository("wrong")
    shutil.rmtree(wrong.path)
    engine.turn()

    assert "acme/wrong could not be read: " in (said := listed(engine, capsys))
    assert "as last seen" not in said
    assert listed(engine, capsys, "--repository", "shop") == ""
    assert "acme/wrong could not be read" in listed(engine, capsys, "--repository", "acme/wrong")

    del engine.repositories["wrong"]
    engine.restart()
    unmanaged.forget_looks(engine.application.services)
    assert listed(engine, capsys) == ""


@pytest.fixture
def restored(engine: Engine, tmp_path: Path) -> Engine:
    """An environment that was destroyed, with the records of a backup from before that."""
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.close()
    shutil.copytree(engine.data, tmp_path / "backup")
    engine.repositories["shop"].delete("env-alice")
    engine.turn(3, minutes=3)
    assert engine.statuses() == {"alice": "destroyed"}
    engine.close()
    shutil.rmtree(engine.data)
    (tmp_path / "backup").rename(engine.data)
    return engine


def test_what_was_destroyed_after_the_backup_is_closed(restored: Engine) -> None:
    """Its state was archived since, which only a verified destroy does."""
    assert restored.environment("alice").status is Status.READY
    restored.turn(3, minutes=3)
    alice = restored.environment("alice")
    assert alice.status is Status.DESTROYED, alice.message
    assert "destroyed-before" in restored.actions("alice")


def test_what_was_destroyed_after_the_backup_is_made_anew_where_its_branch_is_back(restored: Engine) -> None:
    """As any first apply, also after one that did not come to a plan."""
    restored.use_terraform('[ "$1" = plan ] && exit 1\nexec "$real" "$@"')
    push(restored.repositories["shop"], ["alice"])
    restored.repositories["shop"].commit("env-alice", {".envmgr.yaml": "variables: {size: large}"})
    restored.turn()
    assert restored.environment("alice").status is Status.FAILED
    restored.use_terraform()
    restored.turn(minutes=10)
    alice = restored.environment("alice")
    assert alice.status is Status.READY, alice.message
    assert restored.state("alice").exists()


def test_a_state_that_is_lost_is_still_asked_for(engine: Engine) -> None:
    """Also where one of an earlier life was archived."""
    repository = engine.repository()
    push(repository, ["alice"])
    engine.turn()
    repository.delete("env-alice")
    engine.turn(3, minutes=3)
    assert engine.archived()
    engine.clock.forward(hours=1)
    push(repository, ["alice"])
    engine.turn()
    engine.state("alice").unlink()
    repository.delete("env-alice")
    engine.turn(3, minutes=3)
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "bring it back" in alice.message
