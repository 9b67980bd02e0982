"""What every store keeps of the way from a commit to production: builds, images, releases."""

from dataclasses import replace

import pytest

from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.build import Build
from envmgr.domain.values.pipeline.image import SeenImage, images_for
from envmgr.domain.values.pipeline.release import Release
from envmgr.domain.values.pipeline.verdict import Outcome, Result, Verdict
from envmgr.ports import Store
from tests.support.store import ALICE, COMMIT, MINUTE, NOW, SHOP, get, having, in_threads

ODD = "ä \0 \udcff '; DROP TABLE builds --"
BOB = EnvironmentId("acme", "shop", "bob")
BUILD = Build(key="k1", repository=SHOP, commit=COMMIT, environment=ALICE, generation=1, began_at=NOW)
DONE = replace(BUILD, built_at=NOW + MINUTE, run=7, variables={"image": f"shop@{ODD}"})
IMAGE = SeenImage(repository=SHOP, variable="image", asked=ODD)
RELEASE = Release(environment=ALICE, commit=COMMIT, ready_at=NOW)
TESTS = Verdict(
    on="k",
    commit=COMMIT,
    run=3,
    at=NOW,
    results=(Result("smoke", Outcome.PASSED, 1.5), Result(ODD, Outcome.FAILED, 0.25, ODD)),
)


def test_a_release_is_known_since_it_was_ready_and_whether_its_tests_passed(store: Store) -> None:
    """However often it is ready; each application apart."""
    api = replace(ALICE, application="api")
    store.pipeline.releases.note(RELEASE)
    store.pipeline.releases.note(replace(RELEASE, ready_at=NOW + MINUTE, tested_at=NOW + MINUTE))
    store.pipeline.releases.note(replace(RELEASE, commit="b" * 40, ready_at=NOW + MINUTE))
    store.pipeline.releases.note(replace(RELEASE, environment=api, ready_at=NOW + 2 * MINUTE))
    store.pipeline.releases.note(replace(RELEASE, environment=BOB))
    found = store.pipeline.releases.get(ALICE, COMMIT)
    assert found == replace(RELEASE, tested_at=NOW + MINUTE)
    assert found.has_passed
    assert store.pipeline.releases.get(ALICE, "c" * 40) is None
    assert store.pipeline.releases.get(api, COMMIT) == replace(
        RELEASE, environment=api, ready_at=NOW + 2 * MINUTE
    )
    store.pipeline.releases.note(RELEASE)
    again = store.pipeline.releases.get(ALICE, COMMIT)
    assert again == RELEASE
    assert not again.has_passed


def test_releases_go_with_their_environment_and_not_before(store: Store, alice: Environment) -> None:
    """One of a year ago is what a promotion of today may rest on."""
    store.pipeline.releases.note(RELEASE)
    store.pipeline.releases.note(replace(RELEASE, environment=BOB))
    assert store.prune(NOW) == 0
    assert store.prune(NOW + MINUTE) == 1
    assert store.pipeline.releases.get(BOB, COMMIT) is None
    store.update(ALICE, None, NOW, having(status=Status.DESTROYED))
    store.prune(NOW + MINUTE)
    assert store.pipeline.releases.get(ALICE, COMMIT) is None


def kept(store: Store, key: str) -> Build | None:
    """The build with a key, as whoever wants it made is told of it."""
    probe = replace(BUILD, key=key, environment=replace(ALICE, name="probe"), generation=99)
    found = store.pipeline.builds.claim(probe)
    if found is probe:
        store.pipeline.builds.give_up(probe)
        return None
    return found


def test_a_build_is_begun_by_one_and_known_by_all(store: Store) -> None:
    """Of many at the same time, too; what it gave comes back as it was."""
    wanted = [replace(BUILD, environment=replace(ALICE, name=f"e{n}"), generation=n) for n in range(6)]
    [winner] = set(map(repr, in_threads(store.pipeline.builds.claim, wanted)))
    mine = next(each for each in wanted if repr(each) == winner)
    assert kept(store, "k1") == mine
    done = replace(mine, built_at=NOW, run=3, variables=DONE.variables)
    store.pipeline.builds.finish(done)
    assert (
        kept(store, "k1")
        == store.pipeline.builds.claim(wanted[0])
        == store.pipeline.builds.claim(wanted[5])
        == done
    )
    assert kept(store, "k2") is None


def test_a_build_whose_maker_died_is_made_by_another(store: Store) -> None:
    """Only if it is still the one that was judged; what the first one then gives is refused."""
    other, third = (replace(BUILD, environment=BOB, generation=n) for n in (4, 5))
    assert store.pipeline.builds.claim(BUILD) == BUILD
    assert store.pipeline.builds.claim(other, over=replace(BUILD, generation=9)) == BUILD
    assert store.pipeline.builds.claim(other, over=BUILD) == other
    assert store.pipeline.builds.claim(third, over=BUILD) == other
    with pytest.raises(LeaseLost, match="taken over"):
        store.pipeline.builds.finish(DONE)
    store.pipeline.builds.give_up(BUILD)
    assert kept(store, "k1") == other
    store.pipeline.builds.give_up(other)
    assert kept(store, "k1") is None


def test_a_build_is_made_anew_where_that_is_asked_for(store: Store) -> None:
    """But not beside one that is under way."""
    other = replace(BUILD, environment=BOB)
    store.pipeline.builds.claim(BUILD)
    assert store.pipeline.builds.claim(other, anew=True) == BUILD
    store.pipeline.builds.finish(DONE)
    assert store.pipeline.builds.claim(other, anew=True) == other
    assert kept(store, "k1") == other


def test_builds_are_pruned_once_nobody_has_their_commit(store: Store, alice: Environment) -> None:
    """Whether it is applied, or to be applied."""
    old = replace(BUILD, key="k2", commit="b" * 40)
    for each in (BUILD, old):
        store.pipeline.builds.claim(each)
    store.update(ALICE, None, NOW, having(applied_commit="b" * 40))
    assert store.prune(NOW + MINUTE) == 0
    store.update(ALICE, None, NOW, having(applied_commit=None))
    assert store.prune(NOW) == 0
    assert store.prune(NOW + MINUTE) == 1
    assert (kept(store, "k1"), kept(store, "k2")) == (BUILD, None)


def test_what_a_registry_had_is_kept_by_variable(store: Store) -> None:
    """Whatever it is called, and also where it is away."""
    found = replace(IMAGE, reference=ODD, tag=ODD, changed_at=NOW)
    store.pipeline.images.note(IMAGE)
    store.pipeline.images.note(replace(IMAGE, variable="worker", error=ODD))
    store.pipeline.images.note(found)
    own = replace(IMAGE, name="production", reference="of its own")
    store.pipeline.images.note(own)
    worker = replace(IMAGE, variable="worker", error=ODD)
    seen = store.pipeline.images.seen(SHOP)
    assert sorted(seen, key=lambda each: (each.name, each.variable)) == [found, worker, own]
    assert images_for("production", seen) == [own]
    assert images_for("alice", seen) == [found, worker]
    assert store.pipeline.images.seen(replace(SHOP, name="other")) == []
    store.pipeline.images.forget(found)
    store.pipeline.images.forget(found)
    assert {each.reference for each in store.pipeline.images.seen(SHOP)} == {None, "of its own"}


def test_what_tests_said_is_kept_with_the_environment(store: Store, alice: Environment) -> None:
    """As it was."""
    store.update(alice.id, None, NOW, having(tests=TESTS))
    assert get(store).tests == TESTS
