"""CPU time that was spent: by this process and its children, or by another process and its."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process and those of its children that ended have spent: CPU seconds; the children's page faults."""

    seconds: float
    faults_of_children: int

    @classmethod
    def by(cls, pid: int) -> Self:
        """Until now, by a process that runs; its children's part is exact to 20 ms."""
        children = cls.by_children(Path(f"/proc/{pid}/stat").read_text())
        own = time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it of a process's number
        return cls(own + children.seconds, children.faults_of_children)

    @classmethod
    def by_children(cls, text: str, ticks: int = _TICKS) -> Self:
        """From the text of /proc/PID/stat, whose times are in `ticks` of a second."""
        fields = text.rpartition(")")[2].split()  # the program's name may hold anything; field 3 follows it
        return cls(sum(map(int, fields[13:15])) / ticks, int(fields[8]))

    def __sub__(self, before: "Spent") -> "Spent":
        """What was spent since."""
        return Spent(self.seconds - before.seconds, self.faults_of_children - before.faults_of_children)


def cpu_milliseconds(work: Callable[[], object]) -> float:
    """CPU time of this process and of its children that ended meanwhile."""
    begin = time.process_time() + _children()
    work()
    return (time.process_time() + _children() - begin) * 1000


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
