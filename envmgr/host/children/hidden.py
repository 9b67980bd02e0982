"""Processes of our user that nothing can be read of: what is not seen is not known to have ended.

`hidepid` (`ProtectProc=`) keeps whole processes from those that may not trace them, and so does another user
namespace (`PrivateUsers=` makes one at each start of a service) with what a process has in its environment.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from .stat import PROC, fields, is_caged, is_over

_SHOWS_ALL = ("hidepid=0", "hidepid=off")
_FIRST = 1
"""The process that all others come from: no child of ours."""
_UNITS = (".service", ".scope")


def hidepid() -> str:
    """How /proc is mounted so that it does not show everybody's processes (`hidepid=invisible`); empty where it does."""
    found = ""
    for line in (PROC / "self/mountinfo").read_text(errors="replace").splitlines():
        place, _, kind = line.partition(" - ")
        if place.split()[4] == str(PROC) and kind.startswith("proc "):
            options = kind.split()[-1].split(",")
            # The last one that was mounted there is the one that is seen.
            found = next((o for o in options if o.startswith("hidepid=") and o not in _SHOWS_ALL), "")
    return found


def has_own_users() -> bool:
    """Whether we are in a user namespace that is not the host's: its next one is not one that it may look into."""
    return (PROC / "self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def unseen() -> int | None:
    """The number of a living process of our user that may be one of ours and cannot be looked at; None without one."""
    return next(unreadable(), None) or invisible()


def invisible() -> int | None:
    """The number of one that a signal would reach and /proc does not show at all; None without one."""
    return next(_invisible(), None) if hidepid() else None


def unreadable() -> Iterator[int]:
    """Those that are shown, but not what is in their environment; of another service than ours none is ours."""
    for folder in PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) in (_FIRST, os.getppid()):
            continue
        try:
            if folder.stat().st_uid != os.getuid():
                continue
            (folder / "environ").open("rb").close()
        except PermissionError:
            if _may_be_ours(folder):
                yield int(folder.name)
        except OSError:  # ended meanwhile
            continue


def _may_be_ours(folder: Path) -> bool:
    """Whether it lives in our unit, and in no PID namespace of its own: what is in a cage is nobody's child."""
    try:
        if is_caged(folder) or is_over(fields(folder)):
            return False
        return _unit(folder) in (_unit(PROC / "self"), None)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return True


def _invisible() -> Iterator[int]:
    """Found only by asking for every number that there can be."""
    for number in range(_FIRST + 1, int((PROC / "sys/kernel/pid_max").read_text())):
        # Asked twice: it may have ended between the two looks.
        if _may_signal(number) and not (PROC / str(number)).exists() and _may_signal(number):
            yield number


def _may_signal(number: int) -> bool:
    try:
        os.kill(number, 0)
    except OSError:
        return False
    return True


def _unit(folder: Path) -> str | None:
    """Below which of systemd's units a process is, empty where it is below none; None where that cannot be told."""
    try:
        group = (folder / "cgroup").read_text().splitlines()[-1].rpartition(":")[2]
    except (OSError, IndexError):
        return None
    parts = group.split("/")
    ends = [index for index, part in enumerate(parts) if part.endswith(_UNITS)]
    return "/".join(parts[: ends[0] + 1]) if ends else ""
