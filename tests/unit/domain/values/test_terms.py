"""The times of several hosts: whatever one began has ended before another may take it over, and that comes soon."""

from datetime import timedelta
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.values.hosts.terms import BEAT, LOOK, TAKEN_OVER, TERMS, Terms, terms

WITHIN = st.integers(45, 3600).map(lambda seconds: timedelta(seconds=seconds))
PART = st.floats(0, 1, allow_nan=False)


def killed_at(found: Terms, renewed: float, first: float, late: float) -> float:
    """When the process beside a child kills it, as it counts: whole seconds since the host was started.

    `first` is its first look after the renewal, as a part of a pause; each comes `late` by so many seconds.
    """
    now = renewed + first * found.pause.total_seconds()
    while floor(now) - floor(renewed) < found.hard.total_seconds():
        now += found.pause.total_seconds()
    return now + late


@given(WITHIN, st.floats(0, 1e6), PART, st.floats(0, 3.9))
def test_what_runs_has_ended_before_its_lease(
    within: timedelta, renewed: float, first: float, late: float
) -> None:
    """From the moment at which the renewal was asked for: the database counts from a later one."""
    found = terms(within)
    assert killed_at(found, renewed, first, late) <= renewed + found.lease.total_seconds() + 1e-6


@given(WITHIN)
def test_it_is_asked_before_it_is_killed(within: timedelta) -> None:
    """Once, by envmgr or else by the process beside it; and several renewals may be missed before."""
    found = terms(within)
    assert timedelta() < 3 * found.renewal < found.soft < found.soft + found.later < found.hard < found.lease
    assert found.hard - found.soft - found.later >= timedelta(seconds=10)


@given(WITHIN, PART, PART, PART, PART)
def test_it_is_taken_over_in_time(
    within: timedelta, beat: float, renewal: float, looked: float, again: float
) -> None:
    """At whatever moment of its beats, its renewals and the others' looks a host died: one look finds it, and one more takes it."""
    found = terms(within)
    gone = max(found.gone - beat * BEAT, found.lease - renewal * found.renewal)
    assert gone + looked * LOOK + again * LOOK <= within


def test_all_hosts_go_by_these() -> None:
    """The promise is a minute."""
    assert TAKEN_OVER.total_seconds() <= 60
    assert terms(TAKEN_OVER) == TERMS
    assert TERMS.silent <= TERMS.gone
