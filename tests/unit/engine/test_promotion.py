"""Promotion in a whole engine: production only gets what staging had ready, its tests passed."""

from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.commands import operations, promotion, rollback
from envmgr.domain.errors import EnvmgrError, UsageError
from envmgr.domain.values.environment import Status, WaitsFor
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.pipeline.release import Release
from envmgr.views import documents
from tests.support.in_memory.rules import MODULE, Rules
from tests.support.in_memory.world import World

NAMED = (
    Named(name="staging", branch="main"),
    Named(name="production", tags="v*", after=("staging",)),
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository whose production comes after its staging."""
    made = World(tmp_path, Rules(named=NAMED))
    made.shop.commit("main", made.rules.files(MODULE))
    return made


def pushed(world: World, text: str) -> str:
    """A commit on `main`."""
    return world.shop.commit("main", {"notes": text})


def test_what_staging_had_goes_on_with_its_tag(world: World) -> None:
    first = pushed(world, "one")
    world.turn()
    world.shop.tag("v1.0", first)
    pushed(world, "two")
    world.turn()
    production = world.environment("production")
    assert (production.status, production.applied.commit) == (Status.READY, first)
    assert documents.environment(production)["promoted_from"] == "staging"
    assert documents.environment(production)["origin"] == {
        "kind": "tag",
        "name": "v1.0",
        "number": None,
        "url": None,
        "named": True,
    }
    world.check()


def test_a_tag_goes_to_staging_first_and_on_by_itself(world: World) -> None:
    """In one pass: staging is ready, and production is decided once more."""
    commit = pushed(world, "one")
    world.shop.tag("v1.0", commit)
    world.turn()
    assert world.environment("production").applied.commit == commit
    runs = [(r.environment.name, r.kind) for r in reversed(world.store.runs()) if r.commit == commit]
    assert [name for name, kind in runs if kind == "apply"] == ["staging", "production"]


def test_a_commit_that_staging_never_had_waits_and_says_what_helps(world: World) -> None:
    skipped = pushed(world, "one")
    pushed(world, "two")
    world.shop.tag("v1.0", skipped)
    world.turn(2)
    production = world.environment("production")
    assert (production.status, production.claim) == (Status.WAITING, None)
    assert production.waits is not None
    assert production.waits.on is WaitsFor.AFTER
    assert f"v1.0 ({skipped[:10]}) was never ready in staging" in production.message
    staging = world.environment("staging")
    rollback.roll_back(world.person.application, staging, skipped, lambda *_: True)
    world.turn()
    assert world.environment("production").applied.commit == skipped


def test_it_says_that_tests_run_or_failed(world: World) -> None:
    commit = pushed(world, "one")
    world.turn()
    releases, staging = world.store.pipeline.releases, world.environment("staging").id
    found = releases.get(staging, commit)
    assert found is not None
    releases.note(Release(environment=staging, commit=commit, ready_at=found.ready_at, tested_at=None))
    world.shop.tag("v1.0", commit)
    world.turn(2)
    message = world.environment("production").message
    assert (
        f"v1.0 ({commit[:10]}) is in staging since {found.ready_at:%Y-%m-%d %H:%M} UTC, its tests run."
        == message
    )
    assert world.in_cloud("production") == []
    releases.note(Release(environment=staging, commit=commit, ready_at=found.ready_at, tested_at=world.now))
    world.turn()
    assert world.environment("production").applied.commit == commit


def test_nobody_applies_by_hand_what_staging_never_had(world: World) -> None:
    skipped = pushed(world, "one")
    pushed(world, "two")
    world.shop.tag("v1.0", skipped)
    world.turn()
    with pytest.raises(EnvmgrError, match="never ready in staging"):
        operations.apply(world.person.application, world.environment("production"), lambda *_: True)
    assert world.in_cloud("production") == []


def test_an_earlier_release_comes_back_without_staging(world: World) -> None:
    first = pushed(world, "one")
    world.shop.tag("v1.0", first)
    world.turn()
    second = pushed(world, "two")
    world.shop.tag("v1.1", second)
    world.turn()
    done = rollback.roll_back(
        world.person.application, world.environment("production"), "previous", lambda *_: True
    )
    assert done.applied.commit == first
    world.turn(2)
    assert world.environment("production").applied.commit == first


def test_a_person_promotes_by_the_same_rules(world: World) -> None:
    first = pushed(world, "one")
    world.shop.tag("v1.0", first)
    world.turn()
    second = pushed(world, "two")
    world.turn()
    [(staging, production)] = promotion.goals(
        world.person.application, [world.environment("staging")], "production"
    )
    done = promotion.promote(world.person.application, staging, production, lambda *_: True)
    assert (done.applied.commit, done.applied.promoted_from) == (second, "staging")
    assert "promoted" in world.actions("production")
    world.turn(2, minutes=10)
    assert world.environment("production").applied.commit == second
    third = pushed(world, "three")
    world.shop.tag("v1.1", third)
    world.turn(2)
    assert world.environment("production").applied.commit == third
    assert world.environment("production").pinned_commit is None
    world.check()


def test_what_may_not_come_is_not_promoted_either(world: World) -> None:
    commit = pushed(world, "one")
    world.shop.tag("v1.0", commit)
    world.turn()
    later = world.push("alice")
    world.turn()
    [(alice, production)] = promotion.goals(
        world.person.application, [world.environment("alice")], "production"
    )
    assert alice.applied.commit == later
    with pytest.raises(EnvmgrError, match="never ready in staging"):
        promotion.promote(world.person.application, alice, production, lambda *_: True)
    assert (
        world.environment("production").pin is None
        or world.environment("production").applied.commit == commit
    )
    for name in ("nowhere", "alice"):
        with pytest.raises(UsageError):
            promotion.goals(world.person.application, [world.environment("alice")], name)


def test_what_was_taken_out_of_the_file_can_only_be_destroyed(world: World) -> None:
    """By the repository's own rules it would go on without what it came after, and without its approvals."""
    commit = pushed(world, "one")
    world.shop.tag("v1.0", commit)
    world.turn()
    later = world.push("alice")
    world.turn()
    world.rules = replace(world.rules, named=NAMED[:1])
    for process in (world, world.person):
        process.restart()
    world.turn()
    production = world.environment("production")
    assert "lists production no more: left alone" in production.message
    [(alice, target)] = promotion.goals(world.person.application, [world.environment("alice")], "production")
    person = world.person.application
    refused = pytest.raises(
        EnvmgrError, match=r"lists production no more: .* `envmgr destroy acme/shop/production`"
    )
    with refused:
        promotion.promote(person, alice, target, lambda *_: True)
    with refused:
        operations.apply(person, production, lambda *_: True)
    with refused:
        rollback.roll_back(person, production, later, lambda *_: True)
    assert world.environment("production").applied.commit == commit
    operations.destroy(world.person.application, world.environment("production"), lambda *_: True)
    assert world.in_cloud("production") == []


def test_what_is_where_is_told_by_commit(world: World) -> None:
    first = pushed(world, "one")
    world.shop.tag("v1.0", first)
    world.turn()
    second = pushed(world, "two")
    world.turn()
    [way] = promotion.ways(world.person.application)
    assert [e.id.name for e in way.environments] == ["staging", "production"]
    found = {commit: [(p.has_it, p.ready_at is not None) for p in places] for commit, places in way.commits}
    assert found == {second: [(True, True), (False, False)], first: [(False, True), (True, True)]}


def test_a_daemon_that_dies_anywhere_promotes_it_all_the_same_and_once(tmp_path: Path) -> None:
    for dies_at in range(1, 60, 7):
        world = World(tmp_path / str(dies_at), Rules(named=NAMED))
        commit = world.shop.commit("main", world.rules.files(MODULE))
        world.shop.tag("v1.0", commit)
        world.restart(dies_at=dies_at)
        world.turn(3, minutes=20)
        world.check()
        assert world.environment("production").applied.commit == commit
        assert len(world.in_cloud("production")) == 1
