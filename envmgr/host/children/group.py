"""What is left of a process group once its leader has ended."""

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from .stat import GROUP, PROC, fields, is_over

_TICK_SECONDS = 0.02


def end_group(group: int, first: signal.Signals, patience: timedelta) -> None:
    """Asks the members of a group to end, waits, and kills those that stay.

    A member must be there to begin with, be it a leader that was not reaped yet: without one, the number would be
    free for another group. So SIGKILL is only sent where members stay.
    """
    try:
        _send(group, first)
        _wait(group, patience)
    finally:
        # Asked once more: without a living member the number may be another group's by now.
        if is_living(group):
            _send(group, signal.SIGKILL)
    _wait(group, patience)


def is_living(group: int) -> bool:
    """Whether a member of the group still runs; one that only was not reaped yet does not."""
    return any(_is_member(process, group) for process in PROC.iterdir() if process.name.isdigit())


def _is_member(process: Path, group: int) -> bool:
    try:
        found = fields(process)
    except OSError:  # ended meanwhile, or another user's
        return False
    return int(found[GROUP]) == group and not is_over(found)


def _wait(group: int, patience: timedelta) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    while is_living(group) and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)


def _send(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
