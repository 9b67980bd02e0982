"""What the kernel tells of a process in one line, `/proc/PID/stat`."""

from pathlib import Path

PROC = Path("/proc")
# Where fields stand in what `fields` gives; times are the process's own (user, system), then those of children that ended.
STATE, GROUP, SESSION, TIMES, THREADS, STARTED = 0, 2, 3, slice(11, 15), 17, 19


def fields(process: Path) -> list[str]:
    """The fields behind the command's name, of the process with this folder below /proc; OSError where it has ended.

    The name comes before them in brackets, and may hold spaces and brackets itself.
    """
    return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()


def is_over(found: list[str]) -> bool:
    """Whether a process has ended, and only was not reaped yet."""
    return found[STATE] in "ZX"
