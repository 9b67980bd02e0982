"""The engine's histories on ports in memory: from a push to a verified destroy, through all that may come between."""

from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands import steering
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.environment import Guard, RunKind, RunStatus, Status
from envmgr.domain.values.health import HealthCheck
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from envmgr.domain.values.step import Step
from tests.support.in_memory.rules import BROKEN, MODULE, Rules
from tests.support.in_memory.world import World

DEPLOY = DeployRules(
    steps=(Step(name="start", run="test -f app.py"),), on_destroy=(Step(name="stop", run="true"),)
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One whose repository has a default branch."""
    return World(tmp_path)


def test_a_push_becomes_an_apply_and_the_next_a_change(world: World) -> None:
    world.push("alice")
    world.turn(2)
    alice = world.environment("alice")
    assert (alice.status, alice.applied.url, alice.applied.commit) == (
        Status.READY,
        "http://alice",
        alice.commit,
    )
    commit = world.push("alice", MODULE.replace("small", "large"))
    world.turn(2)
    assert world.environment("alice").applied.commit == commit
    assert len(world.in_cloud("alice")) == 1
    world.check()


def test_a_push_of_code_alone_starts_no_terraform(tmp_path: Path) -> None:
    world = World(tmp_path, Rules(deploy=DEPLOY))
    world.push("alice", **{"app.py": "one"})
    world.turn(2)
    world.push("alice", **{"app.py": "two"})
    world.turn(2)
    kinds = [run.kind for run in world.store.runs()][::-1]
    assert kinds == [RunKind.APPLY, RunKind.DEPLOY, RunKind.DEPLOY]
    assert [ran.name for ran in world.steps.ran] == ["start", "start"]
    assert world.status("alice") is Status.READY


def test_what_failed_is_tried_again_by_the_next_commit(world: World) -> None:
    world.push("alice", BROKEN)
    world.turn(2)
    failed = world.environment("alice")
    assert (failed.status, failed.applied.fingerprint) == (Status.FAILED, None)
    assert "local-exec" in failed.message
    world.turn(1)
    assert [run.status for run in world.store.runs()] == [RunStatus.FAILED], "it waits"
    world.push("alice")
    world.turn(2)
    assert world.status("alice") is Status.READY
    world.check()


def test_a_branch_that_is_surely_gone_is_destroyed_and_verified(world: World) -> None:
    world.push("alice")
    world.turn(2)
    world.delete("alice")
    world.turn(2)
    assert world.status("alice") is Status.WAITING, "its grace period is not over"
    assert world.in_cloud("alice")
    world.turn(1, minutes=6)
    assert world.status("alice") is Status.DESTROYED
    assert (world.in_cloud("alice"), world.store.leases(world.now)) == ([], {})
    assert not world.git.kept(world.environment("alice").id)
    world.check()


def test_what_the_cloud_still_has_keeps_it_open(world: World) -> None:
    world.push("alice")
    world.turn(2)
    (arn,) = world.in_cloud("alice")
    tags = world.cloud.resources[arn]
    world.cloud.resources[f"{arn}/second"] = tags
    world.delete("alice")
    world.turn(2, minutes=6)
    assert world.status("alice") in (Status.FAILED, Status.DESTROYED)
    world.cloud.resources.pop(f"{arn}/second")
    world.turn(2, hours=2)
    assert world.status("alice") is Status.DESTROYED


def test_a_branch_that_comes_back_keeps_its_environment(world: World) -> None:
    world.push("alice")
    world.turn(2)
    commit = world.environment("alice").commit
    world.delete("alice")
    world.turn(1, minutes=6)
    world.shop.point(["env-alice"], commit)
    world.turn(2, minutes=6)
    assert world.status("alice") is Status.READY
    assert "destroyed" not in world.actions("alice")


def test_an_outage_proves_nothing(world: World) -> None:
    world.push("alice")
    world.turn(2)
    world.shop.is_away = True
    world.turn(5, hours=1)
    assert world.status("alice") is Status.READY
    world.shop.is_away = False
    world.turn(1)
    assert world.status("alice") is Status.READY


def test_who_leaves_with_too_many_waits_for_a_person(world: World) -> None:
    for name in ("alice", "bob", "carol"):
        world.push(name)
    world.turn(2)
    for name in ("alice", "bob", "carol"):
        world.delete(name)
    world.turn(3, minutes=6)
    assert {world.environment(name).hold.guard for name in ("alice", "bob", "carol")} == {Guard.MASS_DESTROY}
    steering.approve(world.person.application, world.environment("bob"))
    world.turn(2)
    assert (world.status("alice"), world.status("bob")) == (Status.WAITING, Status.DESTROYED)


def test_what_is_suspended_is_left_alone_until_it_is_resumed(world: World) -> None:
    world.push("alice")
    world.turn(2)
    steering.suspend(world.person.application, world.environment("alice"))
    world.delete("alice")
    world.turn(3, minutes=6)
    assert (world.status("alice"), len(world.in_cloud("alice"))) == (Status.SUSPENDED, 1)
    steering.resume(world.person.application, world.environment("alice"))
    world.turn(2, minutes=6)
    assert world.status("alice") is Status.DESTROYED


@pytest.mark.parametrize("daemons_call", range(1, 41))
def test_a_suspension_said_as_nothing_applied_is_closed_is_refused_or_stays(
    tmp_path: Path, daemons_call: int
) -> None:
    """Whichever call of the closing pass it meets: a push that comes later finds it suspended, if it was taken."""
    world = World(tmp_path, Rules(gates=Gates(approval=Terms(needed=1, expires=timedelta(days=1)))))
    world.push("alice")
    world.turn(2)
    assert (world.status("alice"), world.environment("alice").claim) == (Status.WAITING, None)
    world.delete("alice")
    world.turn(1, minutes=6)
    life, said = world.daemon.life, []

    def suspend() -> None:
        try:
            alice = world.environment("alice")
            world.person.does(lambda: said.append(steering.suspend(world.person.application, alice)))
        except NeedsPerson as error:
            assert "nothing to suspend" in str(error)  # noqa: PT017 - either is right, by the moment

    life.meets_at, life.meets = life.calls + daemons_call, suspend
    world.turn(1, minutes=6)
    world.turn(1, minutes=6)
    assert said or world.status("alice") is Status.DESTROYED
    world.push("alice")
    world.turn(2)
    assert world.status("alice") is (Status.SUSPENDED if said else Status.WAITING)


def test_it_is_ready_once_it_is_healthy(tmp_path: Path) -> None:
    check = HealthCheck(url="{outputs.url}/health")
    world = World(tmp_path, Rules(deploy=DeployRules(steps=DEPLOY.steps, health=check)))
    world.probe.answers["http://alice/health"] = (200, "")
    world.push("alice", **{"app.py": "one"})
    world.turn(3)
    assert world.status("alice") is Status.READY
    assert world.probe.asked == ["http://alice/health"]


def test_a_state_that_could_not_be_written_is_pushed_before_anything_else(world: World) -> None:
    world.push("alice")
    world.place.is_full = True
    world.turn(2)
    assert world.status("alice") is Status.FAILED
    world.place.is_full = False
    world.turn(2, hours=2)
    assert world.status("alice") is Status.READY
    assert len(world.in_cloud("alice")) == 1
    assert "state-recovered" in world.actions("alice")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kills_terraform", [False, True], ids=["it outlives", "it dies, too"])
def test_a_death_at_any_call_loses_nothing(tmp_path: Path, after: bool, kills_terraform: bool) -> None:
    """Of a first apply and of a destroy; the next process comes to the same end."""
    for number in range(1 + 5 * after, 150, 11):
        world = World(tmp_path / str(number))
        world.push("alice")
        world.restart(dies_at=number, after=after)
        world.turn(1)
        world.restart(kills_terraform=kills_terraform)
        world.turn(4, hours=2)
        assert (world.status("alice"), len(world.in_cloud("alice"))) == (Status.READY, 1), number
        world.delete("alice")
        world.turn(1, minutes=6)
        world.restart(dies_at=number, after=after)
        world.turn(1, minutes=6)
        world.restart(kills_terraform=kills_terraform)
        world.turn(4, hours=2)
        assert (world.status("alice"), world.in_cloud("alice")) == (Status.DESTROYED, []), number
        world.check()


def test_what_somebody_deleted_by_hand_keeps_no_destroy_from_its_end(world: World) -> None:
    """Of code without outputs a plan then has nothing to change, though the state lists it still."""
    world.push("alice", MODULE.partition("output")[0])
    world.turn(2)
    world.cloud.resources.clear()
    world.delete("alice")
    world.turn(3, minutes=6)
    assert world.status("alice") is Status.DESTROYED, world.environment("alice").message
    world.check()
