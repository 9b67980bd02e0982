"""What the kernel tells of a process in one line, `/proc/PID/stat`."""

import os
import time
from pathlib import Path

PROC = Path("/proc")
# Where fields stand in what `fields` gives; times are the process's own (user, system), then those of children that ended.
STATE, PARENT, GROUP, SESSION, FLAGS, TIMES, THREADS, STARTED = 0, 1, 2, 3, 6, slice(11, 15), 17, 19

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD: such have no environment ever
# A process that is just about to run another program has no environment for a moment, on a busy machine for a long one.
_EXEC_SECONDS, _EXEC_TICK = 0.2, 0.002
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


def is_caged(process: Path | str) -> bool:
    """Whether a process is in a PID namespace below the one that we are in; OSError where it has ended.

    That can be read of each one, also of another user namespace's: unlike what `ns/pid` leads to.
    """
    lines = said(f"{process}/status").splitlines()
    numbers = next((line.split()[1:] for line in lines if line.startswith(b"NSpid:")), [])
    return len(numbers) > 1  # one for each namespace


def is_over(found: list[str]) -> bool:
    """Whether a process has ended, and only was not reaped yet."""
    return found[STATE] in "ZX"


def environment(pid: int, found: list[str]) -> list[bytes]:
    """A process's variables, `NAME=value` each, awaited where it is between two programs; `found` are its fields.

    OSError where it has ended, or is another user's.
    """
    place, deadline = f"{PROC}/{pid}", time.monotonic() + _EXEC_SECONDS
    while not (variables := said(f"{place}/environ")) and not int(found[FLAGS]) & _KERNEL_THREAD:
        if said(f"{place}/cmdline"):  # it runs: what it runs now may have begun since the look before
            return said(f"{place}/environ").split(b"\0")
        if is_over(fields(place)) or time.monotonic() >= deadline:
            break
        time.sleep(_EXEC_TICK)
    return variables.split(b"\0")
