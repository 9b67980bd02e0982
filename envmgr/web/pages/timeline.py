"""Runs as bars over time, a line for each environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from envmgr.domain.values.environment import Run
from envmgr.domain.values.names import EnvironmentId

WINDOWS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}
"""What may be looked at, by its name in the address."""
WIDTH = 1000
"""How wide a line is in its own units, however wide it is shown."""
_LEAST = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A run: from where, how wide, and the run itself."""

    x: int
    width: int
    run: Run


@dataclass(frozen=True, slots=True)
class Lane:
    """The runs of one environment, its applications' together."""

    environment: EnvironmentId
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The lines, those with the newest run first, and the times below them."""

    begin: datetime
    end: datetime
    lanes: Sequence[Lane]
    ticks: Sequence[datetime]

    @property
    def places(self) -> list[int]:
        """Where the times are on a line."""
        return [WIDTH * number // (len(self.ticks) - 1) for number in range(len(self.ticks))]

    @property
    def is_within_days(self) -> bool:
        """Whether the time of day says enough."""
        return self.end - self.begin <= timedelta(days=1)


def timeline(runs: Sequence[Run], now: datetime, window: timedelta, most: int) -> Timeline:
    """Of the runs that were under way in the time before `now`; of at most so many environments."""
    begin = now - window
    lanes: dict[EnvironmentId, list[Bar]] = {}
    for run in runs:
        if (run.finished_at or now) >= begin and run.started_at <= now:
            lanes.setdefault(run.environment.environment, []).append(_bar(run, begin, now))
    parts = 7 if window > timedelta(days=1) else 6
    shown = [Lane(environment, sorted(bars, key=lambda b: b.x)) for environment, bars in lanes.items()]
    return Timeline(begin, now, shown[:most], [begin + window * n / parts for n in range(parts + 1)])


def _bar(run: Run, begin: datetime, now: datetime) -> Bar:
    span = (now - begin).total_seconds()
    first = max(0.0, (run.started_at - begin).total_seconds()) / span
    last = min(1.0, ((run.finished_at or now) - begin).total_seconds() / span)
    width = max(_LEAST, round((last - first) * WIDTH))
    return Bar(min(round(first * WIDTH), WIDTH - width), width, run)
