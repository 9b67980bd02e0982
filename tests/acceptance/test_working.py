"""The verbs that change something, on real Terraform."""

import signal
from pathlib import Path

import pytest

from tests.support.waiting import wait_for

from .world import CODE, SLOW, World

pytestmark = pytest.mark.usefixtures("terraform_binary")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A branch env-alice, nothing applied; a branch that is gone is gone at once."""
    world = World.create(
        tmp_path, "destroy: {confirmations: 1, grace_period: 0s, max_at_once: 1}\nttl: {max: 2d}"
    )
    world.branch("env-alice")
    return world


def status(world: World, name: str = "alice") -> str:
    """An environment's status."""
    return str(world.ok("show", name, "--json").document["status"])


def test_plan_then_apply_exactly_that(world: World) -> None:
    """Exit code 2 with changes, 0 without; a saved plan is applied, and no other in its place."""
    file = str(world.folder / "alice.plan")
    planned = world("plan", "alice", "--save", file)
    assert planned.code == 2
    assert "terraform_data.site will be created" in planned.out
    assert "1 to add, 0 to change, 0 to destroy" in planned.out.splitlines()[-1]
    assert status(world) == "pending"
    applied = world.ok("apply", "alice", "--plan", file)
    assert "acme/shop/alice is ready" in applied.out
    assert world("plan", "alice").code == 0
    document = world("plan", "alice", "--destroy", "--json")
    assert document.code == 2
    assert document.document["changes"] == {"add": 0, "change": 0, "destroy": 1}
    world.branch("env-alice", {"terraform/main.tf": CODE.replace("default = 1", "default = 2")})
    again = world("apply", "alice", "--plan", file)
    assert again.code == 1
    assert again.err.strip()
    assert status(world) == "ready"


def test_plan_of_another_commit(world: World) -> None:
    """By a revision; one that is not there is a mistake."""
    first = world.repository.head("env-alice") or ""
    world.branch("env-alice", {"terraform/main.tf": CODE.replace("default = 1", "default = 2")})
    world.ok("apply", "alice", "--yes")
    earlier = world("plan", "alice", "--commit", first[:12], "--json")
    assert earlier.code == 2
    assert earlier.document["planned_commit"] == first
    assert world("plan", "alice", "--commit", "nothing").code == 2
    assert world("plan", "alice", "--commit", first, "--destroy").code == 2


def test_nothing_happens_unasked(world: World) -> None:
    """Without a terminal and without --yes nothing is changed."""
    for verb in ("apply", "destroy"):
        refused = world(verb, "alice")
        assert refused.code == 2
        assert "--yes" in refused.err
    assert world("plan", "alice", "--destroy").code == 0
    assert not (world.data / "state").exists()


def test_destroy_suspends_and_resume_brings_back(world: World) -> None:
    """A branch that is still there is left alone afterwards."""
    world.ok("apply", "alice", "--yes")
    destroyed = world.ok("destroy", "alice", "--yes")
    assert "envmgr resume acme/shop/alice" in destroyed.out
    assert "terraform_data.site will be destroyed" in destroyed.err
    assert "0 changed, 0 failed" in world.ok("reconcile").out
    assert status(world) == "suspended"
    assert world("resume", "alice").code == 0
    world.ok("reconcile")
    assert status(world) == "ready"


def test_suspend_and_resume(world: World) -> None:
    """Pushes are not applied while it is suspended."""
    world.ok("reconcile")
    assert world.ok("suspend", "alice", "--json").document["status"] == "suspended"
    commit = world.branch("env-alice", {"terraform/main.tf": CODE + "\n# pushed\n"})
    world.ok("reconcile")
    assert world.ok("show", "alice", "--json").document["applied_commit"] != commit
    world.ok("resume", "alice")
    world.ok("reconcile")
    assert world.ok("show", "alice", "--json").document["applied_commit"] == commit
    refused = world("resume", "alice")
    assert refused.code == 1
    assert "not suspended" in refused.err


def test_what_a_guard_holds_is_approved(world: World) -> None:
    """More branches than max_at_once go together: a person sees why, and lets them through."""
    world.branch("env-bob")
    world.ok("reconcile")
    world.repository.delete("env-alice", "env-bob")
    held = world.ok("reconcile")
    assert held.out.count("waiting") >= 2
    assert world("approve", "--all").code == 2
    approved = world.ok("approve", "--all", "--yes")
    assert "max_at_once" in approved.err
    assert approved.out.startswith("Approved: acme/shop/alice, acme/shop/bob.")
    world.ok("reconcile")
    assert world.ok("list", "--json").document == []
    assert {e["status"] for e in world.ok("list", "--all", "--json").document} == {"destroyed"}
    assert "Nothing waits" in world.ok("approve", "--all").out
    assert world("approve", "alice", "--yes").code == 1
    assert world("approve").code == 2


def test_extend_up_to_the_longest(world: World) -> None:
    """A later end; not beyond ttl.max."""
    world.ok("reconcile")
    endless = world("extend", "alice", "3s")
    assert endless.code == 1
    assert "acme/shop/alice has no end" in endless.err
    assert world.ok("extend", "alice", "1d", "--set-end", "--json").document["expires_at"]
    refused = world("extend", "alice", "5d")
    assert refused.code == 1
    assert "at most 2d" in refused.err
    assert world("extend", "alice", "soon").code == 2


def test_unlock_where_nothing_is_locked(world: World) -> None:
    """It says so."""
    world.ok("reconcile")
    assert "is not locked" in world.ok("unlock", "alice").out


def test_reconcile_says_what_failed(world: World) -> None:
    """One bad branch fails alone, with file and line; the exit code says so."""
    world.branch("env-bad", {"terraform/main.tf": 'resource "terraform_data" {\n'})
    said = world("reconcile")
    assert said.code == 1
    assert "acme/shop/alice: ready" in said.out
    assert "main.tf" in next(
        line for line in said.out.splitlines() if line.startswith("acme/shop/bad: failed")
    )
    document = world("reconcile", "alice", "--json")
    assert document.code == 0
    assert document.document["failed"] == []
    again = world("reconcile", "--json")
    assert again.code == 1
    assert [e["environment"] for e in again.document["failed"]] == ["bad"]


def test_reconcile_says_what_it_could_not_look_at(world: World) -> None:
    """A remote that is away is an error, and nothing is destroyed for it."""
    world.ok("reconcile")
    world.repository.path.rename(world.folder / "away.git")
    said = world("reconcile", "--json")
    assert said.code == 1
    assert "shop" in said.document["errors"][0]
    assert status(world) == "ready"


def test_ctrl_c_ends_terraform_and_logs_follow_it(world: World) -> None:
    """Exit code 130, the run is interrupted, and the next pass converges."""
    world.branch("env-alice", {"terraform/main.tf": CODE + SLOW})
    process = world.start("apply", "alice", "--yes")
    wait_for(lambda: "Creating" in world("logs", "alice").out)
    follower = world.start("logs", "alice", "--follow")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "Terraform is asked to stop" in told
    followed, _ = follower.communicate(timeout=200)
    assert follower.returncode == 0
    assert "Interrupt received" in followed or "stopped" in followed
    newest = world.ok("history", "alice", "--json").document[0]
    assert newest["status"] == "interrupted"
    world.branch("env-alice", {"terraform/main.tf": CODE})
    world.ok("reconcile")
    assert status(world) == "ready"


def test_events_can_be_followed(world: World) -> None:
    """What happens appears; Ctrl-C ends it."""
    follower = world.start("events", "--follow", "--json")
    world.ok("reconcile")
    assert follower.stdout is not None
    assert "branch-seen" in follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    follower.communicate(timeout=200)
    assert follower.returncode == 130
