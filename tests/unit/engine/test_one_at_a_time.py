"""Invariants 5, 7 and 8: one Terraform per environment, only the plan that was checked, the newest commit."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.environment import Lease, RunStatus, Status
from tests.support.engine import MODULE, code, push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.terraform import Point
from tests.support.store import having


def test_a_writer_whose_lease_was_taken_over_is_refused(engine: MemoryEngine) -> None:
    """Its generation is old: nothing it still wants to write reaches the record."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.poll()
    services = engine.application.services
    identity = engine.environment("alice").id
    with services.leases.hold(identity, "first") as first:
        engine.clock.forward(hours=1)  # to another host, which cannot know of us, the lease is over
        elsewhere = replace(services.owner, host="another-host")
        second = services.store.acquire(
            identity, elsewhere, "second", engine.clock(), timedelta(minutes=1), lambda _: False
        )
        assert isinstance(second, Lease)
        assert second.generation > first.generation
        with pytest.raises(LeaseLost):
            services.store.update(identity, first, engine.clock(), having(status=Status.READY))
        services.leases.renew()
        assert services.leases.is_lost(identity)
    assert engine.environment("alice").status is Status.PENDING


def test_a_newer_commit_supersedes_the_plan_of_an_older_one(engine: MemoryEngine) -> None:
    """The older plan is not applied; pushes during a run become one run on the newest."""
    shop = engine.repository()
    shop.commit("env-alice", code())

    def pushes() -> None:
        shop.commit("env-alice", code(module=MODULE + 'resource "terraform_data" "two" {}'))
        shop.commit("env-alice", code(module=MODULE + 'resource "terraform_data" "three" {}'))
        engine.poll()

    engine.meanwhile("plan", "ends", pushes)
    engine.turn()

    assert engine.environment("alice").applied.commit == shop.head("env-alice")
    assert [r.status for r in engine.runs()] == [RunStatus.SUPERSEDED, RunStatus.SUCCEEDED]
    assert engine.calls().count("apply") == 1
    assert "two" not in engine.state("alice").read_text()


def test_a_branch_that_is_pushed_without_end_still_gets_applied(engine: MemoryEngine) -> None:
    """After two plans in a row that were superseded, the third is applied."""
    shop = engine.repository()
    shop.commit("env-alice", code())
    left = list(range(8))

    def pushes(point: Point) -> None:
        if (point.command, point.step) == ("plan", "ends") and left:
            text = MODULE + f'resource "terraform_data" "n{left.pop()}" {{}}'
            shop.commit("env-alice", code(module=text))
            engine.poll()

    engine.terraform.at = pushes
    engine.turn()

    assert engine.calls().count("apply") >= 3
    assert engine.environment("alice").applied.commit == shop.head("env-alice")


def test_of_two_new_environments_only_one_takes_the_last_place(engine: MemoryEngine) -> None:
    """`limits.environments` holds under concurrency; the other waits and says why."""
    engine.settings["limits"] = {"environments": 1, "concurrency": 2}
    shop = engine.repository()
    push(shop, ["alice", "bob"])

    engine.turn(2, seconds=30)

    assert sorted(engine.statuses().values()) == ["ready", "waiting"]
    waiting = next(e for e in engine.application.services.store.environments() if e.status is Status.WAITING)
    assert "limits.environments" in waiting.message
