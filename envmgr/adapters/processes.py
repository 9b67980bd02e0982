"""Processes beyond doubt: which one it is, and whether it is provably dead."""

import os
import socket
from pathlib import Path

from envmgr.domain.environment import ProcessId

_PROC = Path("/proc")
_STATE, _THREADS, _STARTED = 0, 17, 19  # fields of /proc/PID/stat, counted after the command's name


def current_process() -> ProcessId:
    """This process."""
    return identify(os.getpid())


def identify(pid: int) -> ProcessId:
    """A process of this host by its PID; raises ProcessLookupError where there is none."""
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError(f"There is no process {pid}.")
    return ProcessId(socket.gethostname(), _boot(), pid, int(fields[_STARTED]))


def is_alive(process: ProcessId) -> bool | None:
    """Whether a process lives; False only where its death is beyond doubt, None where it cannot be known.

    On another host, or in another PID namespace, nothing can be known. Another boot of this host, a free
    PID, a PID with another start time, and a zombie are proofs.
    """
    if process.host != socket.gethostname():
        return None
    boot, _, namespace = process.boot.partition("/")
    our_boot, _, our_namespace = _boot().partition("/")
    if boot != our_boot:
        return False
    if namespace != our_namespace:
        return None
    fields = _stat(process.pid)
    if fields is None:
        return None if _exists(process.pid) else False
    return int(fields[_STARTED]) == process.started and not _is_zombie(fields)


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
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the command's name, which may hold spaces and brackets."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _is_zombie(fields: list[str]) -> bool:
    """Dead and only not yet reaped; a leader whose other threads still run is not."""
    return fields[_STATE] in "ZX" and int(fields[_THREADS]) <= 1
