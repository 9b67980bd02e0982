"""Confirmations that a branch is gone: however many ask, and however often, they count an interval apart."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.observation import observe
from envmgr.domain.values.origins.named import Asked
from tests.unit.domain_example import NOW, PATTERNS, SHOP, listing, ready


@given(
    st.integers(1, 120),
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 4)), min_size=1, max_size=8),
)
def test_looks_count_an_interval_apart(interval: int, looks: list[tuple[int, int]]) -> None:
    """Never more than intervals have begun since the first one; a look that comes alone, and late enough, counts."""
    asked = Asked(apart=timedelta(seconds=interval))
    alice, now = ready(), NOW
    for pause, hosts in looks:
        now += timedelta(seconds=pause)
        before = alice.absences
        for _ in range(hosts):
            seen = observe(SHOP, [alice], listing(), PATTERNS, now, asked=asked)
            [alice] = seen.changed or [alice]
        assert alice.absence is not None
        since = alice.absence.since
        fits = 1 + (now - since) // asked.apart
        assert alice.absences <= fits
        assert alice.absences == max(before, min(before + hosts, fits))
