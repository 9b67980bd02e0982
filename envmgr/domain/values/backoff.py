"""How long to wait after failures in a row."""

from datetime import timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(hours=1)


def delay(failures: int, *, first: timedelta = FIRST, longest: timedelta = LONGEST) -> timedelta:
    """The pause after the given number of failures in a row (1 or more): doubling, up to `longest`."""
    return min(first * (1 << min(max(failures, 1) - 1, 20)), longest)
