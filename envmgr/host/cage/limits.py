"""Resource limits of a child, set by a program between our fork and it: no Python runs there, so no lock is held.

For what runs without a cage that is the shell, which is everywhere but passes on no variable with a name that is none
of its own (`TF_AWS_DEFAULT_TAGS_managed-by`); for Terraform and in a cage it is `prlimit`.

What they do not protect against: they hold for each process, so that many small ones may use more together, which
is for the service's own limits (systemd's `MemoryMax`, `TasksMax`). The number of processes counts all that run as
envmgr's user and stops a fork bomb from taking the host's last process; it may also stop envmgr itself from starting
one meanwhile. In a user namespace, a cage's, it counts that alone. Root is exempt from it.
"""

import resource
from collections.abc import Iterator, Sequence

from envmgr.domain.values.cage import CageLimits

# From SIGXCPU until SIGKILL, for a program that does not heed the first.
_CPU_PATIENCE_SECONDS = 5
_NAMES = {
    resource.RLIMIT_CORE: "core",
    resource.RLIMIT_DATA: "data",
    resource.RLIMIT_CPU: "cpu",
    resource.RLIMIT_FSIZE: "fsize",
    resource.RLIMIT_NPROC: "nproc",
    resource.RLIMIT_SIGPENDING: "sigpending",
    resource.RLIMIT_MSGQUEUE: "msgqueue",
}
_KIBIBYTE = 1024
_MOST_FILES = 16384
# What the kernel counts for all processes of a user, also over the edge of a cage: signals that wait with the timers that
# will send some, and bytes of POSIX queues. None of it is much used; one queue of the usual size fits.
_OF_ALL = {resource.RLIMIT_SIGPENDING: 1024, resource.RLIMIT_MSGQUEUE: 128 * 1024}
_BLOCK = 512
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


def limited(argv: Sequence[str], limits: CageLimits) -> list[str]:
    """The argv that sets the limits and becomes the given one; time is for who waits for it."""
    pairs = [part for pair in _options(limits) for part in pair]
    return ["sh", "-c", _SCRIPT, "envmgr", *pairs, "--", *argv]


def rationed(argv: Sequence[str], limits: CageLimits, *, is_caged: bool = False) -> list[str]:
    """As `limited`, with every variable passed on.

    In a cage, where core dumps are forbidden already, less of what is counted for all of a user than envmgr may have: whoever
    had as much would keep envmgr, and what runs in other cages, from having any.
    """
    amounts = dict(_amounts(limits))
    if is_caged:
        del amounts[resource.RLIMIT_CORE]
        amounts |= {kind: str(_at_most(most, kind)) for kind, most in _OF_ALL.items()}
    return ["prlimit", *(f"--{_NAMES[kind]}={value}" for kind, value in amounts.items()), "--", *argv]


def files() -> int:
    """How many files a process in a cage may have open: half of what envmgr may, at most.

    As many descriptors may be under way in sockets, and the kernel counts these for all processes of a user together:
    whoever may have as many as envmgr could keep it from handing any to its own.
    """
    return _at_most(_MOST_FILES, resource.RLIMIT_NOFILE)


def _options(limits: CageLimits) -> Iterator[tuple[str, str]]:
    """As the shell counts: kibibytes and blocks."""
    for kind, value in _amounts(limits):
        match kind:
            case resource.RLIMIT_CORE:
                yield "-c", value
            case resource.RLIMIT_DATA:
                yield "-d", str(max(int(value) // _KIBIBYTE, 1))
            case resource.RLIMIT_CPU:
                soft, hard = value.split(":")
                yield from (("-St", soft), ("-Ht", hard))
            case resource.RLIMIT_FSIZE:
                yield "-f", str(max(int(value) // _BLOCK, 1))
            case _:
                yield "-u", value


def _amounts(limits: CageLimits) -> Iterator[tuple[int, str]]:
    """Memory counts as data: as address space it would forbid Go, Java and Node.js, which reserve what they never use."""
    yield resource.RLIMIT_CORE, "0"  # a core dump would leave secrets in a file
    if limits.memory is not None:
        yield resource.RLIMIT_DATA, str(_allowed(limits.memory, resource.RLIMIT_DATA))
    if limits.cpu_seconds is not None:
        soft = _allowed(limits.cpu_seconds, resource.RLIMIT_CPU)
        hard = _allowed(limits.cpu_seconds + _CPU_PATIENCE_SECONDS, resource.RLIMIT_CPU)
        yield resource.RLIMIT_CPU, f"{soft}:{hard}"
    if limits.disk is not None:
        yield resource.RLIMIT_FSIZE, str(_allowed(limits.disk, resource.RLIMIT_FSIZE))
    if limits.processes is not None:
        yield resource.RLIMIT_NPROC, str(_allowed(limits.processes, resource.RLIMIT_NPROC))


def _at_most(value: int, kind: int) -> int:
    """No more than half of what this process may have."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard // 2)


def _allowed(value: int, kind: int) -> int:
    """No more than this process has itself: more could not be set."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
