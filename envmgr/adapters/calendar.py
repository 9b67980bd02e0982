"""Cron times in time zones, by cronsim: daylight saving as Debian's cron has it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from envmgr.domain.values.schedule import Ticks


def last_tick(cron: str, timezone: str, moment: datetime) -> datetime | None:
    """The tick at or before a moment; None where there was none in many years."""
    # cronsim counts back from before its beginning: the moment's own minute is to count, too.
    begin = moment.astimezone(ZoneInfo(timezone)) + timedelta(minutes=1)
    return next((t for t in _ticks(cron, begin, reverse=True) if t <= moment), None)


def next_tick(cron: str, timezone: str, moment: datetime) -> datetime | None:
    """The first tick after a moment; None where there will be none in many years."""
    return next((t for t in _ticks(cron, moment.astimezone(ZoneInfo(timezone))) if t > moment), None)


CALENDAR = Ticks(last=last_tick, next=next_tick)


def _ticks(cron: str, begin: datetime, *, reverse: bool = False) -> list[datetime]:
    """The first few ticks, in UTC: where clocks are set back, one local time is two moments."""
    found: list[datetime] = []
    try:
        simulation = CronSim(cron, begin, reverse=reverse)
        while len(found) < _FEW:
            found.append(next(simulation).astimezone(UTC))
    except (CronSimError, StopIteration):
        pass
    return found


# Where clocks are set back, the first may lie on the wrong side of the moment; one of the next does not.
_FEW = 4
