"""`envmgr cancel` and `envmgr reconcile --dry-run` as a person types them, beside another process that works."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.world import CODE, ENVMGR, SLOW, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A branch whose apply takes half a minute."""
    world = World.create(tmp_path)
    world.repository.commit("env-alice", {"terraform/main.tf": CODE + SLOW})
    return world


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder but git's and the database's own bookkeeping."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and "mirrors" not in p.parts}


def test_what_runs_elsewhere_ends_and_stays_so(world: World) -> None:
    """SIGINT reaches the Terraform of another process; the next pass leaves it alone, a push does not."""
    with subprocess.Popen(
        [ENVMGR, "--config", str(world.config), "--data-dir", str(world.data), "reconcile"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as working:
        _await_creation(world)
        done = world("cancel", "alice", "--json")
        assert done.code == 0, done.err
        assert done.document["over"] is True
        assert done.document["run"]["status"] == "interrupted"
        assert working.wait(200) == 0
    shown = world.ok("show", "alice", "--json").document
    assert (shown["status"], shown["suspended_by"]) == ("suspended", "cancel")
    assert "Cancelled by user" in shown["message"]
    assert {"cancelled", "interrupted"} <= {e["action"] for e in world.ok("events", "--json").document}
    runs = len(world.ok("history", "--json").document)
    world.ok("reconcile")
    assert len(world.ok("history", "--json").document) == runs
    again = world("cancel", "alice")
    assert (again.code, "nothing to cancel" in again.err) == (1, True)
    world.repository.commit("env-alice", {"terraform/main.tf": CODE})
    world.ok("reconcile")
    assert world.ok("show", "alice", "--json").document["status"] == "ready"
    assert "reconcile" not in {
        e["actor"] for e in world.ok("events", "--json").document if e["action"] == "cancelled"
    }


def test_a_persons_own_apply_ends_too(world: World) -> None:
    """Whoever waits for it at the other terminal is told so, and by an exit code that is no success."""
    with world.start("apply", "alice", "--yes") as working:
        _await_creation(world)
        done = world("cancel", "alice", "--json")
        said, error = working.communicate(timeout=200)
    assert done.code == 0, done.err
    assert (done.document["run"]["kind"], done.document["run"]["status"]) == ("apply", "interrupted")
    assert working.returncode == 1, said + error
    assert "was stopped before its end" in error
    shown = world.ok("show", "alice", "--json").document
    assert (shown["status"], shown["suspended_by"]) == ("suspended", "cancel")


def test_a_dry_run_says_all_and_touches_nothing(world: World) -> None:
    """Also of a branch that no look has seen yet; what is named is judged alone."""
    foretold = world("reconcile", "--dry-run", "--json")
    assert foretold.code == 2, foretold.err
    (step,) = foretold.document["steps"]
    assert (step["environment"], step["action"]) == ("acme/shop/alice", "apply")
    assert step["reason"].startswith("First apply of ")
    before = snapshot(world.folder)
    assert world("reconcile", "alice", "--dry-run").code == 2
    assert snapshot(world.folder) == before
    assert world.ok("list", "--json").document == []
    assert world("reconcile", "nobody", "--dry-run").code == 2


def _await_creation(world: World) -> None:
    deadline = time.monotonic() + 60
    while "Creating" not in world("logs", "alice").out:
        assert time.monotonic() < deadline
        time.sleep(0.3)
