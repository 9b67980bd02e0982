"""What every store keeps of those who are told of events."""

from dataclasses import replace

from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.notices import Position
from envmgr.ports import Store
from tests.support.store import MINUTE, NOW

ODD = "ä \0 \udcff '; DROP TABLE positions --"
FIRST = Position(target="t1", organization="acme", after=7)
LATER = replace(
    FIRST,
    after=9,
    bad=frozenset({EnvironmentId("acme", "shop", "alice"), EnvironmentId("acme", "shop", "alice", "api")}),
    failures=2,
    failing_since=NOW,
    retry_at=NOW + MINUTE,
    error=ODD,
)


def test_somebody_begins_once_and_goes_on_from_where_she_stands(store: Store) -> None:
    """Whatever begins anew."""
    positions = store.hooks.positions
    assert positions.get("t1") is None
    assert positions.claim("t1", "a", NOW, NOW + MINUTE) is None
    positions.begin(FIRST)
    assert positions.claim("t1", "a", NOW, NOW + MINUTE) == FIRST
    assert positions.save(LATER, "a")
    positions.begin(FIRST)
    assert positions.get("t1") == LATER
    assert positions.all() == [LATER]


def test_one_at_a_time_tells(store: Store) -> None:
    """Until it lets go, or takes too long; then it writes no more."""
    positions = store.hooks.positions
    positions.begin(FIRST)
    assert positions.claim("t1", "a", NOW, NOW + MINUTE) == FIRST
    assert positions.claim("t1", "b", NOW + MINUTE, NOW + 2 * MINUTE) is None
    assert positions.claim("t1", "a", NOW, NOW + MINUTE) == FIRST
    assert positions.save(replace(FIRST, after=8), "a", NOW + 2 * MINUTE)
    assert positions.claim("t1", "b", NOW + 2 * MINUTE, NOW + 3 * MINUTE) is None
    assert positions.claim("t1", "b", NOW + 2 * MINUTE + MINUTE, NOW + 5 * MINUTE) == replace(FIRST, after=8)
    assert not positions.save(LATER, "a")
    assert positions.save(replace(FIRST, after=9), "b")
    assert not positions.save(LATER, "b")
    assert positions.get("t1") == replace(FIRST, after=9)
