"""Durations as people write them: `30s`, `5m`, `1h`, `7d`, `1h30m`."""

import re
from datetime import timedelta

from envmgr.domain.errors import UsageError

PATTERN = r"(?:[0-9]+[dhms])+"
_PART = re.compile(r"([0-9]+)([dhms])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LONGEST = timedelta(days=3650)


def is_duration(text: str) -> bool:
    """Whether somebody wrote a duration, however long."""
    compact = _compact(text)
    return len(compact) <= 100 and re.fullmatch(PATTERN, compact, re.ASCII) is not None


def _compact(text: str) -> str:
    return text.strip().replace(" ", "")


def parse_duration(text: str) -> timedelta:
    """Reads a duration; raises ValueError with a sentence that shows a right one."""
    if not is_duration(text):
        raise ValueError("it must be a duration: a number and a unit, such as 30s, 5m, 1h, 7d or 1h30m")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(_compact(text)))
    if seconds > _LONGEST.total_seconds():
        raise ValueError("it must be a duration of at most ten years, such as 30d")
    return timedelta(seconds=seconds)


def read_duration(text: str, what: str) -> timedelta:
    """What somebody wrote as a duration, called `what` where it cannot be read. Raises UsageError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{what}: {error}.") from error


def format_duration(duration: timedelta) -> str:
    """Writes a duration in whole seconds so that `parse_duration` reads it back: `1h30m`."""
    rest = int(duration.total_seconds())
    parts = []
    for unit, size in _SECONDS.items():
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def rounded_duration(duration: timedelta) -> str:
    """A duration in its largest unit, for a column of a table: `40s`, `12m`, `5h`, `3d`."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, size in _SECONDS.items():
        if seconds >= 2 * size or (seconds >= size and unit != "m"):
            return f"{seconds // size}{unit}"
    return "0s"
