"""What every store promises of leases: who may work on an environment, and whose writes are refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.environment import Environment, Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import LeaseTaken, Store
from tests.support.store import (
    ALICE,
    MINUTE,
    NOW,
    OURS,
    SECOND,
    THEIRS,
    get,
    having,
    take,
    taken,
)


class TestLeases:
    """Who works on an environment."""

    def test_a_free_one_is_taken(self, store: Store) -> None:
        """With all that was asked for."""
        lease = taken(take(store))
        assert lease == Lease(
            environment=ALICE,
            generation=1,
            owner=OURS,
            purpose="apply",
            acquired_at=NOW,
            expires_at=NOW + MINUTE,
        )
        assert store.leases(NOW) == {ALICE: lease}

    @pytest.mark.parametrize("owner", [OURS, THEIRS])
    def test_a_held_one_is_refused_to_anybody(self, store: Store, owner: ProcessId) -> None:
        """Also to its own owner."""
        lease = taken(take(store))
        assert take(store, owner, now=NOW + MINUTE - SECOND, dead=[THEIRS]) == LeaseTaken(lease)
        assert store.leases(NOW) == {ALICE: lease}

    def test_an_expired_one_is_taken_over(self, store: Store) -> None:
        """To the microsecond; the generation grows."""
        lease = taken(take(store))
        end = lease.expires_at
        assert take(store, THEIRS, now=end - timedelta(microseconds=1)) == LeaseTaken(lease)
        assert store.leases(end) == {}
        assert store.leases(end, over=True) == {ALICE: lease}
        later = taken(take(store, THEIRS, now=end))
        assert later.generation == 2
        store.release(later)
        assert store.leases(end, over=True) == {}

    def test_a_dead_owner_is_not_waited_for(self, store: Store) -> None:
        """Its lease is taken over at once."""
        take(store)
        lease = taken(take(store, THEIRS, dead=[OURS]))
        assert (lease.generation, lease.owner) == (2, THEIRS)

    def test_one_given_back_is_free_and_its_generation_goes_on(self, store: Store) -> None:
        """A late writer of the first generation stays refused."""
        store.release(taken(take(store)))
        assert store.leases(NOW) == {}
        assert taken(take(store, THEIRS)).generation == 2

    def test_each_environment_has_its_own(self, store: Store) -> None:
        """Work on one keeps nobody from another."""
        other = EnvironmentId("acme", "shop", "bob")
        first, second = taken(take(store)), taken(take(store, identity=other))
        assert store.leases(NOW) == {ALICE: first, other: second}

    def test_renewed(self, store: Store) -> None:
        """Its end moves, its generation does not."""
        lease = taken(take(store))
        later = NOW + timedelta(seconds=50)
        renewed = store.renew(lease, later, MINUTE)
        assert renewed == replace(lease, expires_at=later + MINUTE)
        assert store.leases(later) == {ALICE: renewed}
        store.release(lease)  # the lease as it was given names the same right
        assert store.leases(later) == {}

    def test_a_stale_one_is_refused_everywhere(self, store: Store, alice: Environment) -> None:
        """Nothing is written, and the new owner keeps its lease."""
        stale = taken(take(store))
        lease = taken(take(store, THEIRS, dead=[OURS]))
        with pytest.raises(LeaseLost, match="acme/shop/alice"):
            store.update(ALICE, stale, NOW, having(message="stale"))
        with pytest.raises(LeaseLost):
            store.renew(stale, NOW, MINUTE)
        store.release(stale)
        assert get(store) == alice
        assert store.leases(NOW) == {ALICE: lease}
        assert store.update(ALICE, lease, NOW, having(message="mine")).message == "mine"

    def test_one_given_back_is_refused_too(self, store: Store, alice: Environment) -> None:
        """Its right has ended, although no newer generation is there."""
        lease = taken(take(store))
        store.release(lease)
        store.release(lease)
        with pytest.raises(LeaseLost):
            store.update(ALICE, lease, NOW, having(message="late"))
        with pytest.raises(LeaseLost):
            store.renew(lease, NOW, MINUTE)

    def test_the_generation_counts_beside_the_owner(self, store: Store, alice: Environment) -> None:
        """One process's earlier piece of work may not write once its next one has begun."""
        stale = taken(take(store))
        store.release(stale)
        lease = taken(take(store))
        with pytest.raises(LeaseLost):
            store.update(ALICE, stale, NOW, having(message="stale"))
        with pytest.raises(LeaseLost):
            store.renew(stale, NOW, MINUTE)
        store.release(stale)
        assert store.leases(NOW) == {ALICE: lease}
        assert get(store) == alice

    def test_the_owner_counts_beside_the_generation(self, store: Store, alice: Environment) -> None:
        """A forged lease opens nothing."""
        lease = taken(take(store))
        with pytest.raises(LeaseLost):
            store.update(ALICE, replace(lease, owner=THEIRS), NOW, having(message="x"))
        with pytest.raises(ValueError, match="bob"):
            store.update(
                ALICE,
                replace(lease, environment=EnvironmentId("acme", "shop", "bob")),
                NOW,
                having(message="x"),
            )

    def test_an_expired_one_that_nobody_took_still_writes(self, store: Store, alice: Environment) -> None:
        """It is the newest; a late renewal harms nobody."""
        lease = taken(take(store))
        late = NOW + timedelta(hours=1)
        assert store.update(ALICE, lease, late, having(message="late")).message == "late"
        assert store.renew(lease, late, MINUTE).expires_at == late + MINUTE
