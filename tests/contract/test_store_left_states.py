"""States that could not be written, on every store."""

from datetime import UTC, datetime

from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import Store
from envmgr.ports.hosts import LeftState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ALICE = EnvironmentId("acme", "shop", "alice")
LEFT = LeftState(ALICE, 7, NOW, "c2VhbGVk" * 1000)


def test_one_is_kept_until_it_is_forgotten(store: Store) -> None:
    left = store.left_states
    assert left.get(ALICE) is None
    assert left.keep(LEFT)
    assert left.get(ALICE) == LEFT
    assert left.get(EnvironmentId("acme", "shop", "alice", "api")) is None

    later = LeftState(ALICE, 8, NOW, "another")
    assert not left.keep(later)
    assert left.get(ALICE) == LEFT

    left.brought_to(later, "host-2")
    left.forget(later)
    assert left.get(ALICE) == LEFT
    left.brought_to(LEFT, "host-2")
    found = left.get(ALICE)
    assert found is not None
    assert found.host == "host-2"
    left.forget(LEFT)
    assert left.get(ALICE) is None
    assert left.keep(later)
