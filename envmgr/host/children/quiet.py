"""For how long a child has been quiet: neither it says anything new, nor its session has the processor work."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from .stat import PROC, SESSION, TIMES, fields

_LOOK_SECONDS = 2.0
_LEAST = 0.05
"""Of one processor: whoever only waits for a cloud, and says so now and then, uses less."""


class Quiet:
    """Of one child, the leader of a session."""

    def __init__(self, pid: int) -> None:
        """It moved right now."""
        self._session = str(pid)
        self._moved_at = self._looked_at = time.monotonic()
        # Not looked up: one that was just started has used nothing, and of another this only says once that it moved.
        self._used = 0.0

    def look(self, *, spoke: bool) -> timedelta:
        """For how long it has been quiet; `spoke` is since the last call, the processor is looked at now and then."""
        now = time.monotonic()
        if spoke:
            self._moved_at = now
        if now - self._looked_at >= _LOOK_SECONDS:
            used = _seconds_used(self._session)
            has_ended = used < self._used  # one of them, and what it had used is not counted any more
            if has_ended or used - self._used >= _LEAST * (now - self._looked_at):
                self._moved_at = now
            self._looked_at, self._used = now, used
        return timedelta(seconds=now - self._moved_at)


def _seconds_used(session: str) -> float:
    return sum(_ticks(process, session) for process in PROC.iterdir()) / os.sysconf("SC_CLK_TCK")


def _ticks(process: Path, session: str) -> int:
    """What one process has used, if it is of the session."""
    with suppress(OSError):  # ended meanwhile, or another user's
        if process.name.isdigit():
            found = fields(process)
            return sum(map(int, found[TIMES])) if found[SESSION] == session else 0
    return 0
