"""Named environments in a whole engine: by a branch and by tags, beside environments of branches."""

from pathlib import Path

import pytest

from envmgr.commands import operations, reading, steering
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import OriginKind, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.origins.named import Named
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.rules import MODULE, Rules
from tests.support.in_memory.world import World

STAGING = Named(name="staging", branch="main")
PRODUCTION = Named(name="production", tags="v*")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with a staging of `main` and a production of tags."""
    return World(tmp_path, Rules(named=(STAGING, PRODUCTION)))


def release(world: World, tag: str, text: str = "") -> str:
    """A commit on `main` with a tag."""
    commit = world.shop.commit("main", {**world.rules.files(MODULE), "notes": tag + text})
    world.shop.tag(tag, commit)
    return commit


def test_staging_follows_main_and_production_the_newest_tag(world: World) -> None:
    first = release(world, "v1.9")
    world.turn()
    second = release(world, "v1.10")
    third = world.shop.commit("main", {"notes": "not yet"})
    world.turn()
    staging, production = world.environment("staging"), world.environment("production")
    assert (staging.status, staging.applied.commit) == (Status.READY, third)
    assert (production.status, production.applied.commit, production.branch) == (
        Status.READY,
        second,
        "v1.10",
    )
    assert first != second
    assert production.origin.kind is OriginKind.TAG
    assert production.claim is not None
    assert production.claim.variables["branch"] == "production"
    world.check()


def test_a_release_that_changes_no_infrastructure_changes_no_resource(world: World) -> None:
    release(world, "v1.0")
    world.turn()
    before = world.environment("production").claim
    release(world, "v1.1")
    world.turn()
    after = world.environment("production").claim
    assert before is not None
    assert after is not None
    assert before.fingerprint == after.fingerprint
    assert before.commit != after.commit


@pytest.mark.parametrize("tag", ["v1.0", "v1.1"])
def test_what_goes_away_takes_no_named_environment_with_it(world: World, tag: str) -> None:
    first = release(world, "v1.0")
    second = release(world, "v1.1")
    world.push("alice")
    world.turn()
    world.shop.delete_tag(tag)
    world.delete("alice")
    world.turn(5, minutes=10)
    assert world.status("alice") is Status.DESTROYED
    production = world.environment("production")
    assert production.applied.commit == second
    assert len(world.in_cloud("production")) == 1
    assert production.status is (Status.WAITING if tag == "v1.1" else Status.READY)
    if tag == "v1.1":
        steering.approve(world.person.application, production)
        world.turn(2)
        assert world.environment("production").applied.commit == first
        assert world.status("production") is Status.READY
    world.check()


def test_a_moved_tag_waits_is_told_once_and_is_taken_once_approved(world: World) -> None:
    first = release(world, "v1.0")
    world.turn()
    second = world.shop.commit("main", {"notes": "another"})
    world.shop.tag("v1.0", second)
    world.turn(3, minutes=10)
    assert (world.status("production"), world.environment("production").applied.commit) == (
        Status.WAITING,
        first,
    )
    assert world.actions("production").count("tag-waits") == 1
    steering.approve(world.person.application, world.environment("production"))
    world.turn(2)
    assert (world.status("production"), world.environment("production").applied.commit) == (
        Status.READY,
        second,
    )


def test_a_repository_made_anew_at_another_address_is_not_followed(world: World) -> None:
    kept = release(world, "v1.0")
    world.turn()
    stranger = world.shop.copy("memory:elsewhere")
    stranger.refs["main"] = stranger.force_push("main", {"terraform/main.tf": MODULE})
    stranger.tag("v9.0", stranger.refs["main"])
    world.git.remotes[stranger.url] = stranger
    world.shop = stranger
    world.restart()
    world.turn(3, minutes=10)
    assert world.environment("production").applied.commit == kept
    assert world.environment("staging").applied.commit == kept
    held = world.environment("staging")
    assert held.status is Status.WAITING
    assert "another history" in held.message
    steering.approve(world.person.application, held)
    world.turn(3, minutes=1)
    assert world.environment("staging").applied.commit == stranger.refs["main"]


def test_lost_records_come_back_as_named_ones(world: World) -> None:
    release(world, "v1.0")
    world.turn()
    world.lose_records()
    world.turn(2, minutes=1)
    for name, kind in (("staging", OriginKind.BRANCH), ("production", OriginKind.TAG)):
        record = world.environment(name)
        assert (record.origin.kind, record.origin.is_named) == (kind, True)
        assert record.status is Status.READY, record.message
        assert len(world.in_cloud(name)) == 1
        assert "rebuilt" in [event.action for event in world.store.events(record.id)]
    world.check()


def test_a_named_environment_has_no_end(world: World) -> None:
    release(world, "v1.0")
    world.turn()
    with pytest.raises(EnvmgrError, match="never expires"):
        steering.extend(
            world.person.application,
            [world.environment("production")],
            world.rules.policy.grace_period,
            sets_end=True,
        )


def test_what_the_file_says_is_what_is_done(engine: MemoryEngine) -> None:
    """From the organization file to the cloud: staging and production, each with its own variables."""
    shop = engine.repository(
        environments=[
            {"name": "staging", "branch": "main", "variables": {"size": "small"}},
            {"name": "production", "tags": "v*", "after": ["staging"], "variables": {"size": "large"}},
        ]
    )
    commit = shop.commit("main", code())
    shop.tag("v1.0", commit)
    engine.turn()
    found = {name: engine.environment(name) for name in ("staging", "production")}
    assert {name: e.applied.commit for name, e in found.items()} == {"staging": commit, "production": commit}
    assert {name: (e.claim.variables["size"] if e.claim else "") for name, e in found.items()} == {
        "staging": "small",
        "production": "large",
    }
    shop.delete_tag("v1.0")
    engine.turn(4, hours=1)
    assert engine.environment("production").status is Status.WAITING
    assert engine.environment("production").applied.commit == commit


def test_each_has_variables_of_its_own(engine: MemoryEngine) -> None:
    """Also where all of a repository are looked at together: else one would seem to want the variables of another."""
    repository = engine.repository(
        health={"run": "true"},
        environments=[
            {"name": "production", "tags": "v*", "variables": {"size": "large"}},
            {"name": "staging", "branch": "main", "variables": {"size": "small"}},
        ],
    )
    repository.tag("v1.0", repository.commit("main", code()))
    engine.turn()
    commit = repository.commit("main", code({"notes": "more"}))
    engine.turn()
    assert engine.statuses() == {"production": "ready", "staging": "ready"}
    assert engine.environment("staging").applied.commit == commit
    found = [engine.environment(name).claim for name in ("production", "staging")]
    assert [claim and claim.variables["size"] for claim in found] == ["large", "small"]


def test_one_that_waits_for_its_first_tag_says_so(engine: MemoryEngine) -> None:
    """Whoever asks for it; what nobody names is not there."""
    engine.repository(
        environments=[{"name": "production", "tags": "v*"}, {"name": "staging", "branch": "rc"}]
    )
    engine.turn()
    for text in ("production", "shop/production", "acme/shop/production"):
        with pytest.raises(EnvmgrError, match=r"^acme/shop/production waits for its first tag \(v\*\)\.$"):
            operations.find(engine.application, text)
    with pytest.raises(EnvmgrError, match=r"^acme/shop/staging waits for its first commit of branch rc\.$"):
        reading.records_of(engine.application, EnvironmentId("acme", "shop", "staging"))
    with pytest.raises(EnvmgrError, match="There is no environment 'other'"):
        operations.find(engine.application, "other")
