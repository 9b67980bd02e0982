"""Durations and sizes: what is read, what is refused, and that writing and reading agree."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.sections.duration import format_duration, parse_duration
from envmgr.config.sections.size import format_size, parse_size, rounded_size
from envmgr.config.sections.times import read_moment
from envmgr.domain.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h", 3600), ("7d", 604800), ("1h30m", 5400), ("0s", 0), (" 1h 5s ", 3605)],
)
def test_reads_what_the_contract_writes(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "s", "-5m", "5 minutes", "1.5h", "٣s", "1h;", "9999d", "9" * 99 + "d"]
)
def test_refuses_with_a_right_one(text: str) -> None:
    with pytest.raises(ValueError, match="such as 30"):
        parse_duration(text)


@given(st.integers(0, 3650 * 86400))
def test_written_durations_are_read_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text())
def test_any_text_is_a_duration_or_a_sentence(text: str) -> None:
    try:
        outcome: object = parse_duration(text)
    except ValueError as error:
        outcome = str(error)
    if isinstance(outcome, timedelta):
        assert timedelta(0) <= outcome <= timedelta(days=3650)
    else:
        assert str(outcome).startswith("it must be a duration")


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("500MB", 500_000_000), ("1GiB", 1 << 30), ("3 KB", 3000), ("2TB", 2 * 10**12)],
)
def test_reads_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "500", "much", "-1MB", "1XB", "1.5GB", "1" * 30 + "B"])
def test_refuses_sizes_with_a_right_one(text: str) -> None:
    with pytest.raises(ValueError, match="500MB"):
        parse_size(text)


@given(st.integers(0, 10**9 - 1), st.sampled_from([1, 1000, 10**6, 10**9]))
def test_written_sizes_are_read_back(number: int, unit: int) -> None:
    size = number // unit * unit
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [(500_000_000, "500MB"), (500 * 1024**2, "500MiB"), (4 * 1024**3, "4GiB"), (999, "999B"), (0, "0B")],
)
def test_a_size_is_written_with_few_digits(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(10_000_001, "10.01MB"), (10_000_000, "10MB"), (3_456_000_000, "3.46GB"), (990, "990B")],
)
def test_what_is_above_a_limit_is_seen_to_be(size: int, text: str) -> None:
    assert rounded_size(size) == text


def test_how_long_from_now_is_told_to_be_too_long() -> None:
    """Not to be no duration; neither is a time with its zone."""
    now = datetime(2026, 11, 27, tzinfo=UTC)
    assert read_moment("4h", now, "--until") == now + timedelta(hours=4)
    assert read_moment("2026-12-01T06:00Z", now, "--until") == datetime(2026, 12, 1, 6, tzinfo=UTC)
    with pytest.raises(UsageError, match="--until: it must be a duration of at most ten years"):
        read_moment("99999d", now, "--until")
    with pytest.raises(
        UsageError, match=r"--until: it must be a time with its zone, .* or how long from now on"
    ):
        read_moment("tomorrow", now, "--until")
