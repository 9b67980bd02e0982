"""The ticks of a daemon come whatever its host's clock says."""

from datetime import UTC, datetime, timedelta
from threading import Event

from envmgr.daemon.ticks import Ticks


def test_ticks_go_on_where_the_clock_was_set_back() -> None:
    """What was planned by the clock of before would come only when the clock is there again."""
    ticks, came = Ticks(), Event()
    ticks.every(timedelta(seconds=60), came.set)
    ticks.start()
    try:
        assert came.wait(10)
        came.clear()
        [job] = ticks._scheduler.get_jobs()
        job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))  # as it looks after that
        ticks.heed_clock()
        assert came.wait(10)
        came.clear()
        ticks.heed_clock()  # it is planned anew, and not due before its time
        assert not came.wait(0.2)
    finally:
        ticks.stop()
