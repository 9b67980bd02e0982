"""Resource limits of a step, set by the shell between our fork and the step: no Python runs there, so no lock is held.

What they do not protect against: they hold for each process, so that many small ones may use more together, which
is for the service's own limits (systemd's `MemoryMax`, `TasksMax`). The number of processes counts all that run as
envmgr's user and stops a fork bomb from taking the host's last process; it may also stop envmgr itself from starting
one meanwhile. Root is exempt from it.
"""

import resource
from collections.abc import Iterator, Sequence

from envmgr.ports import StepLimits

# From SIGXCPU until SIGKILL, for a program that does not heed the first.
_CPU_PATIENCE_SECONDS = 5
_KIBIBYTE = 1024
# Limits and argv are arguments, never text of the script. Some shells call the number of processes -p.
_SCRIPT = """
while [ "$1" != -- ]; do
  case $1 in
    -u) ulimit -u "$2" 2>/dev/null || ulimit -p "$2" ;;
    *) ulimit "$1" "$2" ;;
  esac || exit 125
  shift 2
done
shift
exec "$@"
"""


def limited(argv: Sequence[str], limits: StepLimits) -> list[str]:
    """The argv that sets the limits and becomes the given one; `limits.output` is not the kernel's matter."""
    pairs = [part for option, value in _options(limits) for part in (option, str(value))]
    return ["sh", "-c", _SCRIPT, "envmgr", *pairs, "--", *argv]


def _options(limits: StepLimits) -> Iterator[tuple[str, int]]:
    """Memory counts as data: as address space it would forbid Go, Java and Node.js, which reserve what they never use."""
    yield "-c", 0  # a core dump would leave secrets in a file
    if limits.memory is not None:
        yield "-d", max(_allowed(limits.memory, resource.RLIMIT_DATA) // _KIBIBYTE, 1)
    if limits.cpu_seconds is not None:
        yield "-St", _allowed(limits.cpu_seconds, resource.RLIMIT_CPU)
        yield "-Ht", _allowed(limits.cpu_seconds + _CPU_PATIENCE_SECONDS, resource.RLIMIT_CPU)
    if limits.processes is not None:
        yield "-u", _allowed(limits.processes, resource.RLIMIT_NPROC)


def _allowed(value: int, kind: int) -> int:
    """No more than this process has itself: more could not be set."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
