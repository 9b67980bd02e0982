"""Limits of a run with all that it starts: what the kernel is told (cgroup v2), and what its counts say was reached."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from envmgr.domain.values.cage import CageLimits, Limit

CONTROLLERS = ("memory", "pids", "cpu")
COUNTS = ("memory.events", "pids.events", "cpu.stat")
"""The files of a control group that say what was reached."""

_PERIOD = 100_000
_MICROSECONDS = 1_000_000
_ATTRIBUTES = ("memory", "cpu_seconds", "cores", "processes")


def settings(limits: CageLimits, controllers: Collection[str]) -> Mapping[str, str]:
    """What is written to which file of a control group that has these controllers."""
    found: dict[str, str] = {}
    if "memory" in controllers and limits.memory is not None:
        # No memory.oom.group: the kernel ends the largest process alone, mostly a provider. A Terraform that
        # outlives its provider still writes its state.
        found |= {"memory.max": str(limits.memory), "memory.swap.max": "0"}
    if "pids" in controllers and limits.processes is not None:
        found["pids.max"] = str(limits.processes)
    if "cpu" in controllers and limits.cores is not None:
        found["cpu.max"] = f"{max(round(limits.cores * _PERIOD), 1000)} {_PERIOD}"
    return found


def of_each(limits: CageLimits, controllers: Collection[str]) -> CageLimits:
    """What still has to hold for each process, where a control group with these controllers holds the rest."""
    return replace(limits, processes=None) if "pids" in controllers else limits


def reached(
    limits: CageLimits, counts: Mapping[str, str], before: Mapping[str, str] | None = None, spent: int = 0
) -> tuple[Limit, ...]:
    """Which limits the counts of a control group show to have been reached; `counts` are its files' texts by name.

    `before` are those from which on it counts, `spent` the microseconds of processor time that were used elsewhere.
    """
    since = partial(_since, counts, before or {})
    met = {
        Limit.MEMORY: limits.memory is not None and since("memory.events", "oom_kill") > 0,
        Limit.PROCESSES: limits.processes is not None and since("pids.events", "max") > 0,
        Limit.CPU: limits.cpu_seconds is not None
        and spent + processor_time(counts) >= limits.cpu_seconds * _MICROSECONDS,
    }
    return tuple(limit for limit, is_met in met.items() if is_met)


def processor_time(counts: Mapping[str, str]) -> int:
    """The microseconds of it that the counts of a control group tell."""
    return _count(counts, "cpu.stat", "usage_usec")


def noted(limits: CageLimits) -> Mapping[str, int | float]:
    """What is to be known again by who finds the control group."""
    found = {name: getattr(limits, name) for name in _ATTRIBUTES}
    return {name: value for name, value in found.items() if value is not None}


def of_note(note: object) -> CageLimits:
    """The limits by such a note; none where it is not to be read."""
    found = note if isinstance(note, dict) else {}
    known = {name: found.get(name) for name in _ATTRIBUTES}
    return CageLimits(**{name: value for name, value in known.items() if isinstance(value, int | float)})  # type: ignore[arg-type]


def _since(counts: Mapping[str, str], before: Mapping[str, str], file: str, name: str) -> int:
    return _count(counts, file, name) - _count(before, file, name)


def _count(counts: Mapping[str, str], file: str, name: str) -> int:
    """Of a file of lines `NAME NUMBER`; 0 where there is none."""
    for line in counts.get(file, "").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0
