"""Records that were lost come back, and never in the place of what is recorded."""

from dataclasses import replace

import pytest

from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import Store
from tests.support.records import recorded
from tests.support.store import ALICE, CLAIM, COMMIT, MINUTE, NOW, get, having, look, seen

LOST = recorded(
    id=ALICE,
    branch="env-alice",
    commit=COMMIT,
    message="Rebuilt.",
    claim=CLAIM,
    resources=("a.b",),
    expires_at=NOW + MINUTE,
    pushed_at=NOW,
    created_at=NOW - MINUTE,
    updated_at=NOW,
)
BOB = EnvironmentId("acme", "shop", "bob")
CAROL = EnvironmentId("acme", "tiny", "carol")


def test_what_is_not_recorded_comes_back_whole(store: Store) -> None:
    """Of several repositories, and once."""
    lost = [LOST, replace(LOST, id=CAROL, branch="env-carol"), replace(LOST, id=BOB, branch="env-bob")]
    assert store.restore(lost) == [ALICE, CAROL, BOB]
    assert get(store) == LOST
    assert store.restore(lost) == []
    assert [e.id for e in store.environments()] == [ALICE, BOB, CAROL]
    assert store.restore([]) == []


def test_a_record_made_anew_since_is_given_its_claim(store: Store) -> None:
    """What was seen of its branch since stays."""
    seen(store, "env-alice")
    look(store, {"env-alice": "b" * 40})
    assert store.restore([LOST]) == [ALICE]
    after = get(store)
    assert (after.claim, after.applied.resources, after.life.created_at) == (CLAIM, ("a.b",), NOW - MINUTE)
    assert (after.commit, after.message) == ("b" * 40, "")


@pytest.mark.parametrize(
    "there",
    [
        {"claim": replace(CLAIM, commit="d" * 40)},
        {"status": Status.DESTROYED},
        {"branch": "env-other"},
        {"refused": "Two branches give one name."},
    ],
    ids=lambda there: next(iter(there)),
)
def test_what_is_recorded_stays_as_it_is(store: Store, there: dict[str, object]) -> None:
    """One that has a claim, is destroyed, or of another branch; another lost one comes back all the same."""
    seen(store, "env-alice")
    before = store.update(ALICE, None, NOW, having(**there))
    assert store.restore([LOST, replace(LOST, id=BOB, branch="env-bob")]) == [BOB]
    assert get(store) == before
