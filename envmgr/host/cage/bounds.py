"""What bounds a run with all that it starts: its control group, where there are such, its room on disk, its time.

The commands of a run follow one another: what one has used is not there for the next.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from pathlib import Path

from envmgr.config.sections.duration import format_duration
from envmgr.config.sections.size import format_size
from envmgr.domain.rules.together import of_each
from envmgr.domain.values.cage import Cage, CageLimits, Limit
from envmgr.host.control_group import ChildGroup, controllers, group, left_by
from envmgr.host.spent import Spent, spent_by

_PAUSE_SECONDS = 2.0
_UNKNOWN = 2**60
_LEAST = 4096
"""Bytes of each file, folder and link, also of an empty one: a disk has so many of them and no more."""
_PAUSE_FACTOR = 20
"""Counting takes at most a twentieth of the time."""


@dataclass(slots=True)
class Room:
    """What some folders may grow by, looked at now and then: what grows and shrinks between two looks is not seen.

    `spent` are the bytes of the limit that are used already, `pause` is the least time between two looks, in seconds.
    """

    folders: Sequence[Path]
    limit: int
    spent: int = 0
    is_full: bool = False
    pause: float = _PAUSE_SECONDS
    _before: int = field(init=False)
    _looked: float = field(init=False, default=0.0)
    _took: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._before = self._used()

    def look(self) -> bool:
        """Whether more was written than may be."""
        pause = self.pause and max(self.pause, _PAUSE_FACTOR * self._took)
        if not self.is_full and time.monotonic() >= self._looked + pause:
            self.is_full = self.spent + self.grown() > self.limit
        return self.is_full

    def grown(self) -> int:
        """By how many bytes they grew up to now; negative where they shrank."""
        return self._used() - self._before

    def _used(self) -> int:
        began = time.monotonic()
        used = sum(_size(folder) for folder in self.folders)
        now = time.monotonic()
        self._took = now - began
        self._looked = now
        return used


@dataclass(frozen=True, slots=True)
class CageBounds:
    """A child's, by what there is; `enters` says that the child goes into its group by itself, before anything else.

    Where its run has a limit of time, it is over at the moment `until`, on the monotonic clock.
    """

    group: ChildGroup | None
    room: Room | None
    enters: bool
    until: float = inf

    def enter(self, pid: int) -> None:
        """See `Bounds`."""
        if self.group is not None and not self.enters:
            self.group.enter(pid)

    def is_over(self) -> bool:
        """See `Bounds`. Processes and memory the kernel refuses by itself."""
        is_full = self.room is not None and self.room.look()
        return is_full or self._is_late() or (self.group is not None and Limit.CPU in self.group.reached())

    def reached(self) -> tuple[Limit, ...]:
        """See `Bounds`."""
        found = self.group.reached() if self.group is not None else ()
        found = (*found, Limit.DISK) if self.room is not None and self.room.is_full else found
        return (*found, Limit.TIME) if self._is_late() else found

    def _is_late(self) -> bool:
        return time.monotonic() >= self.until


@contextmanager
def bounds(cage: Cage, log: Path) -> Iterator[CageBounds]:
    """The bounds of one child of the run with this log, within the block; raises Transient where they cannot be set."""
    spent, began, limit = spent_by(log), time.monotonic(), cage.together.time
    room = _room(cage, spent)
    until = began + max(limit.total_seconds() - spent.seconds, 0) if limit is not None else inf
    try:
        with group(cage.together, log, outlives=cage.outlives) as made:
            yield CageBounds(made, room, cage.is_closed, until)
    finally:
        spent.seconds += time.monotonic() - began
        if room is not None:
            # What a command deletes is there for the next one, but never more than there was.
            spent.disk = max(spent.disk + room.grown(), 0)


def apart(limits: CageLimits) -> CageLimits:
    """Of a child's limits those that have to hold for each of its processes, as nothing else counts them together."""
    return of_each(limits, controllers() or ())


def told(reached: Sequence[Limit], limits: CageLimits) -> str:
    """Which limits of its run a child ran into, for the end of a sentence; empty where it met none."""
    return " and ".join(_told(limit, limits) for limit in reached)


class Left:
    """The bounds of a child that another daemon started: those of the groups that it left of a run."""

    def __init__(self, log: Path) -> None:
        """Find those of the run with this log."""
        self._groups = left_by(log)

    def enter(self, _: int) -> None:
        """See `Bounds`: it is in there since its start."""

    def is_over(self) -> bool:
        """See `Bounds`."""
        return Limit.CPU in self.reached()

    def reached(self) -> tuple[Limit, ...]:
        """See `Bounds`."""
        return tuple(dict.fromkeys(limit for each in self._groups for limit in each.reached()))

    def end(self) -> str:
        """Ends what is left in there, and says which limits were reached, as `told` does."""
        found = [told(each.reached(), each.limits) for each in self._groups]
        for each in self._groups:
            each.end()
        return " and ".join(filter(None, found))


def _told(limit: Limit, limits: CageLimits) -> str:
    match limit:
        case Limit.MEMORY:
            return f"the {format_size(limits.memory or 0)} of memory that cage.memory gives a whole run"
        case Limit.CPU:
            return f"the {limits.cpu_seconds} s of processor time that cage.cpu gives a whole run"
        case Limit.PROCESSES:
            return f"the {limits.processes} processes and threads that cage.processes allows"
        case Limit.DISK:
            return f"the {format_size(limits.disk or 0)} that cage.disk lets a whole run write"
        case Limit.TIME:
            return f"the {format_duration(limits.time or timedelta())} that cage.time gives a whole run"


def _room(cage: Cage, spent: Spent) -> Room | None:
    limit = cage.together.disk
    return Room([Path(path) for path in cage.writes], limit, spent.disk) if limit else None


def _size(folder: Path) -> int:
    """Of the files that are there, as the disk counts them; links are not followed.

    A folder that is closed to us, or too deep to be named, counts as more than may be: nobody knows what is in there.
    """
    used, waiting = 0, [os.fspath(folder)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except (FileNotFoundError, NotADirectoryError):  # gone meanwhile
            continue
        except OSError:
            used += _UNKNOWN
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                used += _blocks(entry)
    return used


def _blocks(entry: os.DirEntry[str]) -> int:
    try:
        # Blocks of 512 bytes, whatever the file system's own are.
        return max(entry.stat(follow_symlinks=False).st_blocks * 512, _LEAST)
    except OSError:
        return 0
