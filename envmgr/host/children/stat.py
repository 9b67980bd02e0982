"""What the kernel tells of a process in one line, `/proc/PID/stat`."""

import os
from pathlib import Path

PROC = Path("/proc")
# Where fields stand in what `fields` gives; times are the process's own (user, system), then those of children that ended.
STATE, PARENT, GROUP, SESSION, TIMES, THREADS, STARTED = 0, 1, 2, 3, slice(11, 15), 17, 19


_PIECE = 1 << 17  # hardly anything there is longer


def said(path: str) -> bytes:
    """What a file below /proc says; read without Python's layers, as there may be hundreds of processes to look at."""
    descriptor, found = os.open(path, os.O_RDONLY | os.O_CLOEXEC), b""
    try:
        while piece := os.read(descriptor, _PIECE):
            found += piece
    finally:
        os.close(descriptor)
    return found


def fields(process: Path | str) -> list[str]:
    """The fields behind the command's name, of the process with this folder below /proc; OSError where it has ended.

    The name comes before them in brackets, and may hold spaces and brackets itself.
    """
    return said(f"{process}/stat").decode(errors="replace").rpartition(")")[2].split()


def is_over(found: list[str]) -> bool:
    """Whether a process has ended, and only was not reaped yet."""
    return found[STATE] in "ZX"
