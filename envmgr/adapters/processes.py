"""Processes beyond doubt: which one it is, and whether it is provably dead."""

import os
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envmgr.domain.errors import RetryLater
from envmgr.domain.values.environment import ProcessId
from envmgr.host.children.hidden import invisible, unreadable
from envmgr.host.children.stat import (
    PARENT,
    PROC,
    SESSION,
    STARTED,
    THREADS,
    environment,
    fields,
    is_over,
    said,
)
from envmgr.ports import RUN_MARK

_CLOCKS_APART = timedelta(minutes=1)
_COMM = 15
"""Characters of a program's name that the kernel keeps beside its path."""


def current_process(machine: str = "") -> ProcessId:
    """This process, on a host with an ID (see `envmgr.host.identity`)."""
    return identify(os.getpid(), machine)


def identify(pid: int, machine: str = "") -> ProcessId:
    """A process of this host by its PID; ProcessLookupError where there is none, RetryLater where /proc hides it."""
    found = _stat(pid)
    if found is None:
        if _exists(pid):
            raise _hidden(pid)
        raise ProcessLookupError(f"There is no process {pid}.")
    return ProcessId(socket.gethostname(), _boot(), pid, int(found[STARTED]), machine)


def is_alive(process: ProcessId, machine: str = "") -> bool | None:
    """Whether a process lives; False only where its death is beyond doubt, None where it cannot be known.

    On another host, or in another PID namespace, nothing can be known. Another boot of this very host (by its
    ID: another may have its name), a free PID, a PID with another start time, and a zombie are proofs.
    """
    is_ours = bool(machine) and process.machine == machine
    if process.host != socket.gethostname() and not is_ours:
        return None
    boot, _, namespace = process.boot.partition("/")
    our_boot, _, our_namespace = _boot().partition("/")
    if boot != our_boot:
        return False if is_ours else None
    if namespace != our_namespace:
        return None
    found = _stat(process.pid)
    if found is None:
        return None if _exists(process.pid) else False
    return int(found[STARTED]) == process.started and not _is_zombie(found)


class Processes:
    """The port `Processes` by /proc."""

    def __init__(self, machine: str = "") -> None:
        """On a host with an ID; without one another boot proves nothing."""
        self._machine = machine

    def identify(self, pid: int) -> ProcessId:
        """A process of this host by its PID; ProcessLookupError where there is none, RetryLater where /proc hides it."""
        return identify(pid, self._machine)

    def is_dead(self, process: ProcessId) -> bool:
        """Whether a process is provably dead."""
        return is_alive(process, self._machine) is False

    def is_here(self, process: ProcessId) -> bool:
        """Whether it is of this host, this boot and this PID namespace."""
        is_ours = bool(self._machine) and process.machine == self._machine
        return process.boot == _boot() and (is_ours or process.host == socket.gethostname())

    def child_of(self, log: Path, since: datetime) -> ProcessId | None:
        """The oldest leader of a session whose environment has the run's mark: what it started came later.

        None that is in another PID namespace: what a cage holds may forge any mark, and what we start is in front of it.
        RetryLater where there is none among those that can be looked at, and another that can't be.
        """
        mark = f"{RUN_MARK}={log}".encode()
        found = [p for p in _sessions() if mark in _environment(p.pid)]
        if not found and (hidden := self._unseen(since)) is not None:
            raise _hidden(hidden)
        return min(found, key=lambda process: process.started, default=None)

    def started_at(self, process: ProcessId) -> datetime | None:
        """By the kernel's count of ticks since boot, which is a hundredth of a second early at most."""
        if not self.is_here(process):
            return None
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return datetime.fromtimestamp(booted + process.started / os.sysconf("SC_CLK_TCK"), UTC)

    def strangers(self, names: Collection[str], before: datetime) -> bool:
        """Looks at the programs that run; one whose environment cannot be read counts, and one that is hidden."""
        short = {name[:_COMM] for name in names}
        return any(
            not _is_ours(process.pid)
            and (self.started_at(process) or before) <= before + timedelta(seconds=1)
            for process in _processes()
            if _program(process.pid) in names or _is_called(process.pid, short)
        ) or bool(invisible())

    def _unseen(self, since: datetime) -> int | None:
        """The number of one that may be a run's child of that time, and that cannot be looked at."""
        for number in unreadable():
            with suppress(ProcessLookupError):
                began = self.started_at(self.identify(number))
                if began is None or began >= since - _CLOCKS_APART:
                    return number
        return invisible()


def _is_ours(pid: int) -> bool:
    """Whether we started a process, or one that it comes from: what is in a cage may have shed our mark, but is still its child."""
    while pid > 1:
        if any(variable.startswith(f"{RUN_MARK}=".encode()) for variable in _environment(pid)):
            return True
        found = _stat(pid)
        pid = int(found[PARENT]) if found is not None else 0
    return False


def _processes() -> Iterator[ProcessId]:
    """The living processes of our user."""
    for folder in PROC.iterdir():
        with suppress(OSError, RetryLater):
            if folder.name.isdigit() and folder.stat().st_uid == os.getuid():
                identity = identify(int(folder.name))
                if is_alive(identity):
                    yield identity


def _sessions() -> Iterator[ProcessId]:
    own = (PROC / "self/ns/pid").readlink()
    for process in _processes():
        found = _stat(process.pid)
        if found is not None and int(found[SESSION]) == process.pid and _namespace(process.pid) == own:
            yield process


def _namespace(pid: int) -> Path | None:
    with suppress(OSError):  # ended meanwhile
        return (PROC / str(pid) / "ns/pid").readlink()
    return None


def _environment(pid: int) -> list[bytes]:
    try:
        return environment(pid, fields(PROC / str(pid)))
    except OSError:
        return []


def _program(pid: int) -> str:
    try:
        return (PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return ""


def _hidden(pid: int) -> RetryLater:
    return RetryLater(
        f"There is a process {pid}, and /proc hides which one: waiting for its end. A daemon must see what an "
        "earlier one started: take `ProtectProc=` and `PrivateUsers=` out of its unit, or `hidepid` from /proc.",
        after=timedelta(seconds=30),
    )


def _is_called(pid: int, names: Collection[str]) -> bool:
    """Whether a process of which the kernel does not tell the program has one of these names, cut as it cuts them."""
    try:
        (PROC / str(pid) / "exe").readlink()
    except PermissionError:
        with suppress(OSError):
            return said(f"{PROC}/{pid}/comm").decode(errors="replace").strip() in names
    except OSError:
        pass
    return False


def _exists(pid: int) -> bool:
    """Whether there is such a process, which /proc may hide (`hidepid`, a user namespace of its own)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _boot() -> str:
    """The boot's ID and the PID namespace: a PID means nothing outside of both."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"


def _stat(pid: int) -> list[str] | None:
    try:
        return fields(PROC / str(pid))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _is_zombie(found: list[str]) -> bool:
    """Dead and only not yet reaped; a leader whose other threads still run is not."""
    return is_over(found) and int(found[THREADS]) <= 1
