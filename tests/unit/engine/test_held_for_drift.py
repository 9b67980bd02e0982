"""What waits for a person because of its drift, and whose correction gave way to a push, is not shown as ready."""

from datetime import timedelta
from pathlib import Path

from envmgr.commands import steering
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.environment import Guard, Status
from envmgr.engine.reconcile.reconciler import Reconciler
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.terraform import Point
from tests.support.in_memory.world import World

RULES = Rules(
    applications={"base": (), "page": ("base",)},
    drift=DriftRules(action="correct", interval=timedelta(hours=1)),
)


def test_an_application_whose_correction_a_push_overtook_waits_for_what_it_needs(tmp_path: Path) -> None:
    """It was drawn as a history, once in some ten thousand: its page was ready, and its drift held back."""
    world = World(tmp_path, RULES)
    world.push("alice")
    world.turn(2)
    world.forward(minutes=70)
    world.daemon.look_for_drift()
    (page,) = world.in_cloud("alice", "page")
    world.cloud.inputs[page] = "by hand"
    world.forward(hours=9)
    world.daemon.look_for_drift()
    assert world.environment("alice", "page").hold.guard is Guard.DRIFT, "nothing was checked for long"
    person = world.person
    person.does(lambda: steering.approve(person.application, world.environment("alice", "page")))
    world.terraform.at = lambda _: _pushed(world)
    reconciler = Reconciler(world.daemon.application.services)
    reconciler.reconcile(world.environment("alice", "page").id)
    reconciler.reconcile(world.environment("alice", "page").id)
    found = world.environment("alice", "page")
    assert found.message.startswith("Superseded by")
    assert (found.hold.guard, found.status) == (Guard.DRIFT, Status.WAITING)
    world.turn(3)
    found = world.environment("alice", "page")
    assert (found.hold.guard, found.status) == (None, Status.READY)
    assert found.applied.commit == found.commit
    assert world.cloud.inputs[page] == "alice small on http://alice"


def _pushed(world: World) -> None:
    """While its correction is planned, a push is seen."""
    world.terraform.at = _nothing
    world.push("alice")
    world.daemon.application.poller.poll(world.daemon.application.services.repositories[SHOP])


def _nothing(_point: Point) -> None:
    return None
