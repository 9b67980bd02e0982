"""A limit on the memory of a child, set from outside right after its start: no process more, and no Python before exec."""

import resource
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def limit_memory(pid: int, memory: int) -> None:
    """Limits the private memory of a child and of each process it starts, one by one; what it started already, too.

    It counts as data: as address space it would forbid Go, which reserves what it never uses. Nor is a core dumped:
    that would leave secrets in a file.
    """
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        with suppress(OSError):  # it has ended meanwhile
            _set(each, resource.RLIMIT_DATA, memory)
            _set(each, resource.RLIMIT_CORE, 0)
            # What it starts from here on inherits both.
            waiting += children(each)


def _set(pid: int, kind: int, value: int) -> None:
    """No more than it has: more could not be set."""
    _, hard = resource.prlimit(pid, kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.prlimit(pid, kind, (value, value))


def children(pid: int) -> list[int]:
    """The processes that a process started and that still run; raises OSError where it has ended."""
    found: list[int] = []
    for task in (_PROC / str(pid) / "task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found
