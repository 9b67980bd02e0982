"""The port `Processes` in memory: a host whose processes a test starts and kills."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from envmgr.domain.values.environment import ProcessId

HOST, BOOT = "memory", "boot-1"


@dataclass
class Host:
    """Which processes there were, which of them live, and for which run's log a child was started."""

    clock: Callable[[], datetime]
    name: str = HOST
    boot: str = BOOT
    machine: str = ""
    living: set[ProcessId] = field(default_factory=set)
    children: dict[ProcessId, Path] = field(default_factory=dict)
    _started: dict[ProcessId, datetime] = field(default_factory=dict)

    def start(self, log: Path | None = None) -> ProcessId:
        """A new process, a child of ours where it is given a run's log."""
        number = len(self._started) + 1
        process = ProcessId(self.name, self.boot, number, number, self.machine or f"id of {self.name}")
        self.living.add(process)
        self._started[process] = self.clock()
        if log is not None:
            self.children[process] = log
        return process

    def end(self, process: ProcessId) -> None:
        """It is dead from here on."""
        self.living.discard(process)

    def is_dead(self, process: ProcessId) -> bool:
        """Whether it is one of this host that lives no more."""
        return self.is_here(process) and process not in self.living

    def is_here(self, process: ProcessId) -> bool:
        """Whether it is of this host."""
        return (process.host, process.boot) == (self.name, self.boot)

    def child_of(self, log: Path, since: datetime) -> ProcessId | None:
        """The living child of a run."""
        return next((p for p, of in self.children.items() if of == log and p in self.living), None)

    def started_at(self, process: ProcessId) -> datetime | None:
        """When it was started."""
        return self._started.get(process)

    def strangers(self, names: Collection[str], before: datetime) -> bool:
        """Nobody else works here."""
        return False
