"""When environments are up, and when they may be changed: cron times in a time zone.

Level-triggered: what counts is which tick was the last one, so a tick that was missed (the host was off) is
caught up once, and one that was seen twice changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from .step import Step

Tick = Callable[[str, str, datetime], datetime | None]
"""(cron time, time zone, moment) → the tick at or before the moment, or the first after it; None where there is none."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """How cron times are read: the last tick at or before a moment, and the next one after it."""

    last: Tick
    next: Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When environments come up and go down: two cron times in a time zone.

    `down_run` are commands that bring an environment down in place of a destroy.
    """

    up: str
    down: str
    timezone: str = "UTC"
    down_run: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """Which half of a schedule a moment is in: `since` its tick, `until` the other half's next tick."""

    up: bool
    since: datetime
    until: datetime | None
    stops: bool = False


@lru_cache(maxsize=256)
def phase(schedule: Schedule, ticks: Ticks, now: datetime) -> Phase | None:
    """The half of the schedule that `now` is in; None where neither `up` nor `down` was ever due.

    Where both fall on one moment, the environment is up.
    """
    came_up = ticks.last(schedule.up, schedule.timezone, now)
    went_down = ticks.last(schedule.down, schedule.timezone, now)
    since = max((tick for tick in (came_up, went_down) if tick is not None), default=None)
    if since is None:
        return None
    up = since == came_up
    until = ticks.next(schedule.down if up else schedule.up, schedule.timezone, now)
    return Phase(up, since, until, stops=bool(schedule.down_run))


@dataclass(frozen=True, slots=True)
class Span:
    """A time that comes again: it begins at each tick of `start` and lasts `duration`."""

    start: str
    duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """When environments may be changed: in any span of `allow` (none: always), and in none of `deny`."""

    allow: tuple[Span, ...] = ()
    deny: tuple[Span, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing may be changed now; `until` is when that ends, None where no window will ever open."""

    until: datetime | None

    def __str__(self) -> str:
        until = (
            f"until {self.until:%Y-%m-%d %H:%M} UTC"
            if self.until
            else "and none will open: correct `windows`"
        )
        return f"No window for changes is open {until}"


_JUMPS = 100
"""How many ends and beginnings of spans are looked at for the end of a closed time."""


@lru_cache(maxsize=256)
def closed(windows: Windows, ticks: Ticks, now: datetime) -> Closed | None:
    """Whether nothing may be changed now, and until when; None where the windows are open."""
    if _is_open(windows, ticks, now):
        return None
    moment = now
    for _ in range(_JUMPS):
        following = _next_edge(windows, ticks, moment)
        if following is None:
            break
        if _is_open(windows, ticks, following):
            return Closed(following)
        moment = following
    return Closed(None)


def _is_open(windows: Windows, ticks: Ticks, now: datetime) -> bool:
    allowed = not windows.allow or any(_end(span, windows, ticks, now) for span in windows.allow)
    return allowed and not any(_end(span, windows, ticks, now) for span in windows.deny)


def _end(span: Span, windows: Windows, ticks: Ticks, now: datetime) -> datetime | None:
    """When the span that `now` is in ends; None where `now` is in none."""
    began = ticks.last(span.start, windows.timezone, now)
    end = began + span.duration if began is not None else None
    return end if end is not None and now < end else None


def _next_edge(windows: Windows, ticks: Ticks, now: datetime) -> datetime | None:
    """The next moment after `now` at which a denied span ends or an allowed one begins."""
    ends = [_end(span, windows, ticks, now) for span in windows.deny]
    begins = [ticks.next(span.start, windows.timezone, now) for span in windows.allow]
    return min((edge for edge in (*ends, *begins) if edge is not None), default=None)
