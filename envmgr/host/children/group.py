"""What is left of a process group once its leader has ended."""

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

_PROC = Path("/proc")
# Fields of /proc/PID/stat, counted after the command's name.
_STATE, _GROUP = 0, 2
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
    return any(_is_member(process, group) for process in _PROC.iterdir() if process.name.isdigit())


def _is_member(process: Path, group: int) -> bool:
    try:
        text = (process / "stat").read_text(errors="replace")
    except OSError:  # ended meanwhile, or another user's
        return False
    # Behind the last `)`: the command's name comes before it, and may hold spaces and brackets itself.
    fields = text.rpartition(")")[2].split()
    return int(fields[_GROUP]) == group and fields[_STATE] not in "ZX"


def _wait(group: int, patience: timedelta) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    while is_living(group) and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)


def _send(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
