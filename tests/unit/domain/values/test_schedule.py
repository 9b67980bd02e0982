"""Schedules and windows: which half of a schedule a moment is in, and when changes may be made."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.adapters.calendar import CALENDAR, last_tick, next_tick
from envmgr.domain.values.schedule import Closed, Phase, Schedule, Span, Windows, closed, phase

WORK = Schedule(up="0 8 * * 1-5", down="0 19 * * 1-5", timezone="Europe/Berlin")
OFFICE = Windows(allow=(Span("0 9 * * 1-5", timedelta(hours=8)),), timezone="Europe/Berlin")


def berlin(text: str) -> datetime:
    """A local time of Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def new_york(text: str) -> datetime:
    """A local time of New York."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "up", "since", "until"),
    [
        ("2026-11-18 07:59:59", False, "2026-11-17 19:00", "2026-11-18 08:00"),
        ("2026-11-18 08:00", True, "2026-11-18 08:00", "2026-11-18 19:00"),
        ("2026-11-18 19:00", False, "2026-11-18 19:00", "2026-11-19 08:00"),
        ("2026-11-21 12:00", False, "2026-11-20 19:00", "2026-11-23 08:00"),
    ],
)
def test_the_last_tick_says_which_half_it_is(now: str, up: bool, since: str, until: str) -> None:
    """Over nights and weekends."""
    assert phase(WORK, CALENDAR, berlin(now)) == Phase(up, berlin(since), berlin(until))


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("Europe/Berlin", berlin("2026-03-28 08:00"), berlin("2026-03-29 08:00")),
        ("America/New_York", new_york("2026-10-31 08:00"), new_york("2026-11-01 08:00")),
    ],
)
def test_eight_in_the_morning_stays_so_through_daylight_saving(
    zone: str, before: datetime, after: datetime
) -> None:
    """The day is an hour shorter or longer in UTC."""
    assert abs((after - before) - timedelta(days=1)) == timedelta(hours=1)
    assert next_tick("0 8 * * *", zone, before) == after
    assert last_tick("0 8 * * *", zone, after) == after
    assert last_tick("0 8 * * *", zone, after - timedelta(seconds=1)) == before


@pytest.mark.parametrize(
    ("zone", "day"), [("Europe/Berlin", "2026-03-29"), ("America/New_York", "2026-03-08")]
)
def test_a_time_that_a_spring_day_skips_is_not_lost(zone: str, day: str) -> None:
    """02:30 is not on these clocks; it is due when they jump."""
    night = datetime.fromisoformat(f"{day} 01:00").replace(tzinfo=ZoneInfo(zone))
    found = next_tick("30 2 * * *", zone, night)
    assert found is not None
    assert found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == f"{day} 03:00"


@pytest.mark.parametrize(
    ("zone", "day"), [("Europe/Berlin", "2026-10-25"), ("America/New_York", "2026-11-01")]
)
def test_a_time_that_an_autumn_day_has_twice_is_due_once(zone: str, day: str) -> None:
    """At its first occurrence."""
    begin = datetime.fromisoformat(f"{day} 00:00").replace(tzinfo=ZoneInfo(zone))
    first = next_tick("30 1 * * *" if zone.startswith("America") else "30 2 * * *", zone, begin)
    assert first is not None
    second = next_tick("30 1 * * *" if zone.startswith("America") else "30 2 * * *", zone, first)
    assert second is not None
    assert second - first > timedelta(hours=20)


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["0 8 * * 1-5", "30 2 * * *", "*/7 * * * *", "0 0 1 * *", "15 3 * * 0"]),
)
def test_ticks_are_where_they_say(moment: datetime, zone: str, cron: str) -> None:
    """The last one is not after the moment, the next one is; between them there is none."""
    now = moment.replace(tzinfo=UTC)
    last, following = last_tick(cron, zone, now), next_tick(cron, zone, now)
    assert last is not None
    assert following is not None
    assert last <= now < following
    assert last_tick(cron, zone, following) == following
    assert last_tick(cron, zone, following - timedelta(seconds=1)) == last


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-18 08:59", "2026-11-18 09:00"),
        ("2026-11-18 17:00", "2026-11-19 09:00"),
        ("2026-11-20 17:00", "2026-11-23 09:00"),
    ],
)
def test_outside_its_windows_nothing_is_changed(now: str, until: str) -> None:
    """And it is said until when."""
    assert closed(OFFICE, CALENDAR, berlin(now)) == Closed(berlin(until))


def test_within_a_window_changes_are_made() -> None:
    """From its first second to its last."""
    assert closed(OFFICE, CALENDAR, berlin("2026-11-18 09:00")) is None
    assert closed(OFFICE, CALENDAR, berlin("2026-11-18 16:59:59")) is None
    assert closed(Windows(), CALENDAR, berlin("2026-11-18 03:00")) is None


def test_what_is_denied_wins() -> None:
    """A freeze over the holidays ends when it ends, or when the next window opens after it."""
    freeze = Span("0 0 24 12 *", timedelta(days=3))
    assert closed(
        Windows(deny=(freeze,), timezone="Europe/Berlin"), CALENDAR, berlin("2026-12-25 10:00")
    ) == Closed(berlin("2026-12-27 00:00"))
    both = Windows(allow=OFFICE.allow, deny=(freeze,), timezone="Europe/Berlin")
    assert closed(both, CALENDAR, berlin("2026-12-25 10:00")) == Closed(berlin("2026-12-28 09:00"))


def test_windows_that_never_open_say_so() -> None:
    """Denied from tick to tick."""
    always = Windows(deny=(Span("0 0 * * *", timedelta(days=2)),))
    assert closed(always, CALENDAR, berlin("2026-12-25 10:00")) == Closed(None)
