"""Who has to approve, changed while a plan waits: what was said under other terms lets nothing through."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands import steering
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Guard, Status
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from tests.support.in_memory.rules import Rules
from tests.support.in_memory.world import World

BEFORE = Terms(needed=1, allows_author=True)


@pytest.mark.parametrize("is_said_first", [True, False])
@pytest.mark.parametrize(
    "now", [replace(BEFORE, needed=2), replace(BEFORE, role=Role.ADMIN), replace(BEFORE, allows_author=False)]
)
def test_a_plan_is_asked_for_anew_once_others_have_to_approve_it(
    tmp_path: Path, now: Terms, *, is_said_first: bool
) -> None:
    """Whether the yes came a moment before the configuration was loaded anew, or a moment after."""
    world = World(tmp_path, Rules(gates=Gates(approval=BEFORE)))
    world.push("alice")
    world.turn()
    if is_said_first:
        steering.approve(world.person.application, world.environment("alice"))
    world.rules = replace(world.rules, gates=Gates(approval=now))
    world.restart()
    if not is_said_first:
        steering.approve(world.person.application, world.environment("alice"))
    world.turn(2, minutes=1)
    alice = world.environment("alice")
    assert (alice.status, alice.hold.guard, alice.applied.commit) == (Status.WAITING, Guard.APPROVAL, None)
    assert alice.proposal is not None
    assert (alice.proposal.terms, alice.proposal.approvals) == (now, ())


def test_a_plan_that_nobody_has_said_anything_of_is_asked_for_by_the_new_terms(tmp_path: Path) -> None:
    """So that nobody is told that one yes suffices, where it does not; and it waits quietly then."""
    world = World(tmp_path, Rules(gates=Gates(approval=BEFORE)))
    world.push("alice")
    world.turn(2, minutes=1)
    world.rules = replace(world.rules, gates=Gates(approval=replace(BEFORE, needed=2)))
    world.restart()
    world.turn(2, minutes=1)
    alice = world.environment("alice")
    assert "0 of 2 approvals" in alice.message
    runs = len(world.store.runs(alice.id, limit=99))
    world.turn(3, minutes=1)
    assert len(world.store.runs(alice.id, limit=99)) == runs
    assert alice.proposal is not None
    assert alice.proposal.expires_at - world.now < timedelta(days=7)
