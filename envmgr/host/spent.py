"""What a run has used up to now of the limits that hold for its commands together, one after the other.

Kept in memory: a daemon that takes a run over counts anew.
"""

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

_KEPT = 1000
"""Runs; far more than are under way at once."""


@dataclass(slots=True)
class Spent:
    """By the commands of one run that have ended: seconds, microseconds of processor time, bytes its folders grew by."""

    seconds: float = 0.0
    processor: int = 0
    disk: int = 0


_runs: OrderedDict[Path, Spent] = OrderedDict()
_lock = Lock()


def spent_by(log: Path) -> Spent:
    """What the run with this log has used; nothing for a command that belongs to none."""
    if is_of_no_run(log):
        return Spent()
    with _lock:
        found = _runs.setdefault(log, Spent())
        _runs.move_to_end(log)
        while len(_runs) > _KEPT:
            _runs.popitem(last=False)
    return found


def is_of_no_run(log: Path) -> bool:
    """Whether a command with this log belongs to no run, such as the question for Terraform's version."""
    return str(log) == os.devnull
