"""What a child leaves running: found by its session, and by the mark in its environment, whatever became its parent.

What was started while others were looked at is looked at too. A process that has put off the mark and left the session,
and whose parent is gone, is not found: that takes a PID namespace.
"""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from .stat import PROC, SESSION, STARTED, environment, fields, is_caged, is_over

_TICK_SECONDS = 0.02
# Whoever starts others faster than they are ended would hold us for ever.
_ROUNDS = 5


def end_leftovers(session: int | None, mark: str, patience: timedelta = timedelta(seconds=2)) -> int:
    """Ends all processes of a session or with a mark (`NAME=value`) in their environment; gives how many there were.

    Asked first, then killed; looked for again, as those may have started others meanwhile. `session` is of a leader
    that was not reaped yet: else its number may be another's.
    """
    ended = 0
    wanted = _Wanted(session, mark.encode(errors="surrogateescape"), _started(session))
    for _ in range(_ROUNDS):
        found = list(_found(wanted))
        try:
            if not found:
                break
            ended += len(found)
            _end([handle for _, handle in found], patience)
        finally:
            for _, handle in found:
                os.close(handle)
    return ended


@contextmanager
def caged_by(session: int) -> Iterator[list[int]]:
    """Handles of a session's processes in a PID namespace of their own, within the block: what a cage holds.

    The process in front of a cage heeds no signal that is meant for those in it. Whoever looks has to make sure
    afterwards that the session's leader lives: else its number may be another's by now.
    """
    handles: list[int] = []
    try:
        for folder in PROC.iterdir():
            if folder.name.isdigit():
                with suppress(OSError):  # ended meanwhile, or another user's
                    handles.append(os.pidfd_open(int(folder.name)))
                    if not _is_caged(folder, session):
                        os.close(handles.pop())
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


def _is_caged(folder: Path, session: int) -> bool:
    try:
        return int(fields(folder)[SESSION]) == session and is_caged(folder)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Of which session, or with which mark; all of them were begun at the leader's time or later, in the kernel's ticks."""

    session: int | None
    mark: bytes
    since: int


def _started(session: int | None) -> int:
    """When the session's leader began; 0 where there is none to ask."""
    with suppress(OSError):
        return int(fields(f"{PROC}/{session}")[STARTED]) if session is not None else 0
    return 0


def _found(wanted: _Wanted) -> Iterator[tuple[int, int]]:
    """Each with a handle: by its number it may be another by the time it is ended."""
    seen = {os.getpid(), wanted.session}
    for _ in range(_ROUNDS):
        # A parent that ended while others were looked at may have left a child that was not there before.
        new = _numbers() - seen
        if not new:
            return
        seen |= new
        yield from _found_among(new, wanted)


def _numbers() -> set[int]:
    with os.scandir(PROC) as entries:
        return {int(entry.name) for entry in entries if entry.name.isdigit()}


def _found_among(numbers: set[int], wanted: _Wanted) -> Iterator[tuple[int, int]]:
    for number in numbers:
        # Of hundreds of processes hardly one is meant: only that one is looked at twice.
        if not _is_meant(number, wanted):
            continue
        with suppress(OSError):  # ended meanwhile
            # The handle before the look: what is looked at is then surely what is ended.
            handle = os.pidfd_open(number)
            if _is_meant(number, wanted):
                yield number, handle
            else:
                os.close(handle)


def _is_meant(number: int, wanted: _Wanted) -> bool:
    try:
        found = fields(f"{PROC}/{number}")
        # Nothing that was there before the leader is what that left: nearly all, and their environments are not read.
        if is_over(found) or int(found[STARTED]) < wanted.since:
            return False
        if wanted.session is not None and int(found[SESSION]) == wanted.session:
            return True
        variables = environment(number, found)
    except OSError:  # ended meanwhile, or another user's
        return False
    return wanted.mark in variables


def _end(handles: list[int], patience: timedelta) -> None:
    _send(handles, signal.SIGTERM)
    deadline = time.monotonic() + patience.total_seconds()
    while (living := [handle for handle in handles if _lives(handle)]) and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)
    _send(living, signal.SIGKILL)
    while any(map(_lives, living)) and time.monotonic() < deadline + 1:
        time.sleep(_TICK_SECONDS)


def _send(handles: list[int], number: signal.Signals) -> None:
    for handle in handles:
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(handle, number)


def _lives(handle: int) -> bool:
    """A handle is readable as soon as its process has ended, reaped or not."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return not poll.poll(0)
