"""Whether another clock goes on steadily, or somebody set it: by what it told, and by a clock here that nobody sets.

By that other clock leases are over. Where it was set forward, they are over at once, though who has them lives.
"""

from dataclasses import dataclass
from datetime import datetime

STEP = 2.0
"""Seconds by which it may seem to be set: a holder has ended by more than that before its lease does."""
_PROMPT = 0.8


@dataclass(frozen=True, slots=True)
class Told:
    """What the other clock said, and the seconds of the steady one right before and after it was asked."""

    there: datetime
    before: float
    after: float

    @property
    def is_prompt(self) -> bool:
        """Whether the answer took so short that what follows can be compared with it."""
        return self.after - self.before <= _PROMPT


def surely_set(earlier: Told, later: Told) -> float:
    """By how many seconds the other clock was set between two answers, at least; negative where backward."""
    least, most = _bounds(earlier, later)
    return max(least, 0.0) + min(most, 0.0)


def is_steady(earlier: Told, later: Told) -> bool:
    """Whether it surely was not set by more than a step between two answers."""
    return max(map(abs, _bounds(earlier, later))) <= STEP


def _bounds(earlier: Told, later: Told) -> tuple[float, float]:
    """By how much it went further than the steady one: at least, and at most, as nobody knows when it was read."""
    went = (later.there - earlier.there).total_seconds()
    return went - (later.after - earlier.before), went - (later.before - earlier.after)
