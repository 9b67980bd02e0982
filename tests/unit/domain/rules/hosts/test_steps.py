"""Whether another clock was set, as far as slow answers tell."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.hosts.steps import STEP, Told, is_steady, surely_set

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
waits = st.floats(0, 20)
sets = st.floats(-4000, 4000)


def told(at: float, by: float, before: float, after: float) -> Told:
    """What a clock that was set by so much says at a time, where it was asked so long before, and heard so long after."""
    return Told(BEGAN + timedelta(seconds=at + by), at - before, at + after)


@given(at=st.floats(0, 1000), by=sets, slow=st.tuples(waits, waits, waits, waits))
def test_no_more_is_sure_than_is_true(at: float, by: float, slow: tuple[float, float, float, float]) -> None:
    """Whatever time the answers took, in whichever order they came: what is sure is, and what is not steady may be."""
    earlier, later = told(0, 0, *slow[:2]), told(at, by, *slow[2:])
    found = surely_set(earlier, later)
    assert abs(found) <= abs(by) + 0.001
    assert found * (1 if by > 0 else -1) >= -0.001
    if is_steady(earlier, later):
        assert abs(by) <= STEP + 0.001


@given(at=st.floats(0, 1000), by=sets)
def test_where_the_answers_come_at_once_it_is_known(at: float, by: float) -> None:
    """To the half second that they took."""
    earlier, later = told(0, 0, 0.1, 0.1), told(at, by, 0.1, 0.1)
    assert abs(surely_set(earlier, later) - by) <= 0.41
    assert is_steady(earlier, later) is (abs(by) <= STEP) or abs(abs(by) - STEP) < 0.5
