"""The places of an organization, on every store."""

from datetime import timedelta

import pytest

from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import Store
from tests.support.store import NOW, in_threads, take, taken

MOST = 2


def nobody(_: ProcessId) -> bool:
    """Is dead."""
    return False


def lease_of(store: Store, name: str, organization: str = "acme") -> Lease:
    """A lease of an environment that nobody else works on."""
    return taken(take(store, identity=EnvironmentId(organization, "shop", name)))


def names(store: Store) -> list[str]:
    """Whose places are taken."""
    return [lease.environment.name for lease in store.places.taken("acme", NOW)]


def test_only_so_many_have_one_until_one_is_given_back(store: Store) -> None:
    """Those of another organization have their own; who has one already has no second."""
    alice, bob, carol = (lease_of(store, name) for name in ("alice", "bob", "carol"))
    assert store.places.take(alice, MOST, NOW, nobody)
    assert store.places.take(bob, MOST, NOW, nobody)
    assert store.places.take(alice, MOST, NOW, nobody)
    assert not store.places.take(carol, MOST, NOW, nobody)
    assert store.places.take(lease_of(store, "alice", "other"), MOST, NOW, nobody)
    assert names(store) == ["alice", "bob"]

    store.release(bob)
    assert names(store) == ["alice"]
    assert store.places.take(carol, MOST, NOW, nobody)
    again = lease_of(store, "bob")
    assert names(store) == ["alice", "carol"], "a new lease has none by itself"
    assert not store.places.take(again, MOST, NOW, nobody)


def test_who_hangs_gives_it_up_and_has_it_again_as_soon_as_something_moves(store: Store) -> None:
    """Then there may be one more than there should be: it goes on in any case."""
    alice, bob, carol = (lease_of(store, name) for name in ("alice", "bob", "carol"))
    assert store.places.take(alice, MOST, NOW, nobody)
    assert store.places.take(bob, MOST, NOW, nobody)
    store.places.set(alice, taken=False)
    assert store.places.take(carol, MOST, NOW, nobody)
    store.places.set(alice, taken=True)
    assert names(store) == ["alice", "bob", "carol"]


def test_the_place_of_a_lease_that_is_over_is_free(store: Store) -> None:
    """A host that died gives nothing back."""
    alice = lease_of(store, "alice")
    assert store.places.take(alice, 1, NOW, nobody)
    later = NOW + timedelta(minutes=10)
    assert store.places.taken("acme", later) == []
    assert store.places.take(lease_of(store, "bob"), 1, later, nobody)


def test_the_place_of_who_is_provably_dead_is_free_at_once(store: Store) -> None:
    """A daemon that was killed and started again goes on where it was."""
    alice, bob = lease_of(store, "alice"), lease_of(store, "bob")
    assert store.places.take(alice, 1, NOW, nobody)
    assert not store.places.take(bob, 1, NOW, nobody)
    assert store.places.take(bob, 1, NOW, lambda owner: owner == alice.owner)


def test_who_lost_the_lease_takes_none(store: Store) -> None:
    """Nor gives up or takes again what is another's by now."""
    old = lease_of(store, "alice")
    store.release(old)
    new = lease_of(store, "alice")
    assert store.places.take(new, MOST, NOW, nobody)
    with pytest.raises(LeaseLost):
        store.places.take(old, MOST, NOW, nobody)
    with pytest.raises(LeaseLost):
        store.places.set(old, taken=False)
    assert names(store) == ["alice"]


def test_of_many_who_ask_at_once_as_many_get_one_as_there_are(store: Store) -> None:
    """Each host counts for itself, so they have to count one after the other."""
    leases = [lease_of(store, f"t{number}") for number in range(12)]
    found = in_threads(lambda lease: store.places.take(lease, 3, NOW, nobody), leases)
    assert sorted(found) == [False] * 9 + [True] * 3
