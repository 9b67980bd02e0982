"""Processes of this host, as far as it must be known whether they are dead, and whose they are."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Protocol

from envmgr.domain.values.environment import ProcessId

RUN_MARK = "ENVMGR_RUN_LOG"
"""The environment variable by which a child is known again: it holds the path of its run's log."""


class Processes(Protocol):
    """What the kernel says of processes; in doubt nothing is dead."""

    def is_dead(self, process: ProcessId) -> bool:
        """Whether a process is provably dead."""
        ...

    def is_here(self, process: ProcessId) -> bool:
        """Whether a process is, or was, one of this host: only then it can be attended."""
        ...

    def child_of(self, log: Path, since: datetime) -> ProcessId | None:
        """The living child that was started for the run with this log, which began then; None where there is none.

        :raises RetryLater: there may be one that this host does not let us see
        """
        ...

    def started_at(self, process: ProcessId) -> datetime | None:
        """When a process started, by today's clock; None where it is of another boot or host."""
        ...

    def strangers(self, names: Collection[str], before: datetime) -> bool:
        """Whether a process of our user with one of these program names lives that we did not start.

        Only those count that started before a time: they may hold what was taken then.
        """
        ...
