"""What every store keeps of the way from a commit to production: builds, images, releases."""

from dataclasses import replace

from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.release import Release
from envmgr.domain.values.pipeline.verdict import Outcome, Result, Verdict
from envmgr.ports import Store
from tests.support.store import ALICE, COMMIT, MINUTE, NOW, get, having

ODD = "ä \0 \udcff '; DROP TABLE builds --"
BOB = EnvironmentId("acme", "shop", "bob")
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


def test_what_tests_said_is_kept_with_the_environment(store: Store, alice: Environment) -> None:
    """As it was."""
    store.update(alice.id, None, NOW, having(tests=TESTS))
    assert get(store).tests == TESTS
