"""The ticks of a daemon: each at its interval, whatever becomes of the clock of its host."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor as TickExecutor
from apscheduler.schedulers.background import BackgroundScheduler

_LATE = timedelta(seconds=1)


class Ticks:
    """What is done again and again beside each other; nothing runs twice at a time, and what was missed is caught up once."""

    def __init__(self) -> None:
        """Four at a time: housekeeping and a slow database may hold one each, and the other ticks still come."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that is late once is no news
        self._scheduler = BackgroundScheduler(
            executors={"default": TickExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def every(self, period: timedelta, tick: Callable[[], None]) -> None:
        """Adds one that is to come at once, and then so often."""
        self._scheduler.add_job(
            tick, "interval", seconds=period.total_seconds(), next_run_time=datetime.now(UTC)
        )

    def start(self) -> None:
        """From now on they come."""
        self._scheduler.start()

    def stop(self) -> None:
        """No more come; what runs is not waited for."""
        self._scheduler.shutdown(wait=False)

    def heed_clock(self) -> None:
        """To be asked every second: the scheduler plans by the clock of the wall, and where that was set back all would wait for as long."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            if job.next_run_time - now > job.trigger.interval + _LATE:
                job.modify(next_run_time=now)
