"""Work that hangs holds nobody up, and never is there more of it than twice what was allowed."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.places import free

PATIENCE = timedelta(minutes=10)
DURATIONS = st.lists(st.timedeltas(timedelta(), timedelta(hours=3)), max_size=20)
CONCURRENCY = st.integers(1, 8)


def moving(quiet: list[timedelta]) -> int:
    """Those in which something moves."""
    return sum(duration < PATIENCE for duration in quiet)


@given(CONCURRENCY, DURATIONS)
def test_neither_those_who_move_nor_all_together_become_too_many(
    concurrency: int, quiet: list[timedelta]
) -> None:
    """However many there are already, as others may have begun to move again."""
    more = free(concurrency, quiet, PATIENCE)
    assert more >= 0
    if more:
        assert moving(quiet) + more <= concurrency
        assert len(quiet) + more <= 2 * concurrency


@given(CONCURRENCY, DURATIONS)
def test_none_is_held_up_while_both_bounds_have_room(concurrency: int, quiet: list[timedelta]) -> None:
    """Without anything that hangs it is the number that was allowed."""
    full = moving(quiet) >= concurrency or len(quiet) >= 2 * concurrency
    assert (free(concurrency, quiet, PATIENCE) == 0) is full
    none_hangs = [timedelta()] * min(len(quiet), concurrency)
    assert free(concurrency, none_hangs, PATIENCE) == concurrency - len(none_hangs)


@given(CONCURRENCY, DURATIONS, st.data())
def test_whoever_begins_to_hang_never_takes_a_place_away(
    concurrency: int, quiet: list[timedelta], data: st.DataObject
) -> None:
    """And whoever moves again never gives one."""
    if quiet:
        index = data.draw(st.integers(0, len(quiet) - 1))
        hanging, moved = [*quiet], [*quiet]
        hanging[index], moved[index] = PATIENCE, timedelta()
        now = free(concurrency, quiet, PATIENCE)
        assert free(concurrency, moved, PATIENCE) <= now <= free(concurrency, hanging, PATIENCE)


def test_two_that_hang_let_two_others_begin() -> None:
    """And four let nobody."""
    assert free(2, [PATIENCE, PATIENCE], PATIENCE) == 2
    assert free(2, [PATIENCE, timedelta()], PATIENCE) == 1
    assert free(2, [PATIENCE] * 4, PATIENCE) == 0
    assert free(2, [PATIENCE - timedelta(seconds=1)] * 2, PATIENCE) == 0
