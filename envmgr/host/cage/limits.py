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
}
_KIBIBYTE = 1024
_MOST_FILES = 16384
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


def rationed(argv: Sequence[str], limits: CageLimits, *, dumps: bool = True) -> list[str]:
    """As `limited`, with every variable passed on; `dumps` is False where core dumps are forbidden already.

    Where there is nothing to be set, nothing is started for it.
    """
    amounts = [(kind, value) for kind, value in _amounts(limits) if dumps or kind != resource.RLIMIT_CORE]
    set_by = ["prlimit", *(f"--{_NAMES[kind]}={value}" for kind, value in amounts), "--"]
    return [*(set_by if amounts else ()), *argv]


def files() -> int:
    """How many files a process in a cage may have open: half of what envmgr may, at most.

    As many descriptors may be under way in sockets, and the kernel counts these for all processes of a user together:
    whoever may have as many as envmgr could keep it from handing any to its own.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_FILES if hard == resource.RLIM_INFINITY else min(_MOST_FILES, hard // 2)


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


def _allowed(value: int, kind: int) -> int:
    """No more than this process has itself: more could not be set."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
