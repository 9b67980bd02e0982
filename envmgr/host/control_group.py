"""Control groups (cgroup v2) of a service whose unit delegates its own: one for each child with all that it starts.

The daemon sits in one leaf (`daemon`), each child in another (`run-…`): the kernel limits and counts what is in a leaf
together, and ends it as a whole. Where nothing is delegated there are no groups, and what calls here goes on without.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from envmgr.domain.rules.together import CONTROLLERS, COUNTS, noted, of_note, reached, settings
from envmgr.domain.values.cage import CageLimits, Limit
from envmgr.host.memory import children
from envmgr.host.system import told

_DAEMON, _RUN = "daemon", "run-"
_PROCESSES, _CONTROL, _KILL = "cgroup.procs", "cgroup.subtree_control", "cgroup.kill"
_NOTE = "user.envmgr.limits"
_DELEGATED = "user.delegate"
_OURS = Path("/proc/self/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")
_PATIENCE_SECONDS = 2.0
_TICK_SECONDS = 0.01

_in_use: set[Path] = set()
_lock = Lock()


def settle() -> tuple[str, ...] | None:
    """Makes the delegated group of this process one that may hold others; says by what these can be limited.

    None where nothing is delegated to this process. To be called once, before there are children. Groups that an
    earlier daemon left keep their limits, or are removed where nothing runs in them.
    """
    own = _own()
    if own is None or not _is_delegated(own):
        return None
    leaf = own / _DAEMON
    leaf.mkdir(exist_ok=True)
    # All of it, children of a daemon from before the unit delegated too: a group with processes of its own can limit none.
    for pid in (own / _PROCESSES).read_text().split():
        with suppress(ProcessLookupError):
            _write(leaf / _PROCESSES, pid)
    has = (own / "cgroup.controllers").read_text().split()
    for controller in CONTROLLERS:
        if controller in has:
            with suppress(OSError):  # one that the unit was not given
                _write(own / _CONTROL, f"+{controller}")
    for group in _groups(own):
        # The unit takes the controllers away before a start, since systemd could start nothing beside them.
        with suppress(OSError):
            group.limit()
    _sweep(own)
    return controllers()


def controllers() -> tuple[str, ...] | None:
    """By what children of this process can be limited together; None where they get no groups."""
    place = _place()
    return None if place is None else tuple((place / _CONTROL).read_text().split())


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One group and its limits."""

    path: Path
    limits: CageLimits

    @property
    def entrance(self) -> Path:
        """What a process writes 0 to that goes in."""
        return self.path / _PROCESSES

    def make(self) -> None:
        """Makes it, empty and with its limits; raises OSError."""
        self.path.mkdir()
        os.setxattr(self.path, _NOTE, json.dumps(noted(self.limits)).encode())
        self.limit()

    def limit(self) -> None:
        """Tells the kernel the limits; raises OSError."""
        has = (self.path / "cgroup.controllers").read_text().split()
        for file, text in settings(self.limits, has).items():
            with suppress(FileNotFoundError):  # a kernel without swap counts none
                _write(self.path / file, text)

    def enter(self, pid: int) -> None:
        """Puts a process in, and what it started already."""
        waiting = [pid]
        while waiting:
            each = waiting.pop()
            with suppress(OSError):  # it has ended meanwhile
                _write(self.entrance, str(each))
                waiting += children(each)

    def reached(self) -> tuple[Limit, ...]:
        """Which limits were reached up to now."""
        return reached(self.limits, {name: _text(self.path / name) for name in COUNTS})

    def is_empty(self) -> bool:
        """Whether nothing runs in it."""
        return "populated 1" not in _text(self.path / "cgroup.events").splitlines()

    def end(self) -> None:
        """Kills all that is in it, at once, and removes it; what does not die soon is left to a later look."""
        with suppress(OSError):  # as before Linux 5.14, where the marks of what runs in it have to do
            _write(self.path / _KILL, "1")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self.is_empty() and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS)
        self.remove()

    def remove(self) -> None:
        """Removes it where nothing runs in it."""
        with suppress(OSError):
            self.path.rmdir()


@contextmanager
def group(limits: CageLimits, log: Path, *, outlives: bool) -> Iterator[ControlGroup | None]:
    """A group for one child of the run with this log, within the block; None where there are no groups.

    At the end all in it is killed, unless what the child leaves running `outlives` it. Raises Transient where the
    limits cannot be set: nothing runs without.
    """
    place = _place()
    if place is None:
        yield None
        return
    made = ControlGroup(place / f"{_name(log)}{time.monotonic_ns()}", limits)
    with _lock:
        _in_use.add(made.path)
    try:
        try:
            made.make()
        except OSError as error:
            raise told(error, "A run cannot be given limits of its own") from error
        yield made
    finally:
        if outlives:
            made.remove()
        else:
            made.end()
        with _lock:
            _in_use.discard(made.path)
        _sweep(place)


def left_by(log: Path) -> list[ControlGroup]:
    """The groups that another daemon left of the run with this log."""
    place = _place()
    found = _groups(place) if place is not None else []
    return [each for each in found if each.path.name.startswith(_name(log)) and each.path not in _in_use]


def _sweep(place: Path) -> None:
    """Removes what is empty: of runs that were adopted, and of servers that a step left and that ended since."""
    for each in _groups(place):
        with _lock:  # one that was just made is empty, too
            if each.path not in _in_use and each.is_empty():
                each.remove()


def _groups(place: Path) -> list[ControlGroup]:
    return [ControlGroup(path, _noted(path)) for path in place.glob(f"{_RUN}*") if path.is_dir()]


def _noted(path: Path) -> CageLimits:
    try:
        return of_note(json.loads(os.getxattr(path, _NOTE)))
    except (OSError, ValueError):
        return CageLimits()


def _name(log: Path) -> str:
    return f"{_RUN}{log.stem}-"


def _place() -> Path | None:
    """The group above ours, where `settle` has put us into a leaf of it."""
    own = _own()
    is_settled = own is not None and own.name == _DAEMON and os.access(own.parent / _PROCESSES, os.W_OK)
    return own.parent if own is not None and is_settled and _is_delegated(own.parent) else None


def _own() -> Path | None:
    """The folder of our group; None where this host has no such groups, or shows them to us not."""
    mounted = _mounted()
    path = next((line[3:] for line in _text(_OURS).splitlines() if line.startswith("0::")), None)
    found = mounted / path.lstrip("/") if mounted is not None and path is not None else None
    return found if found is not None and found.is_dir() else None


def _mounted() -> Path | None:
    for line in _text(_MOUNTS).splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.split()[:1] == ["cgroup2"] and mount.split()[3] == "/":
            return Path(mount.split()[4])
    return None


def _is_delegated(path: Path) -> bool:
    """As systemd marks it, or as only who delegates could make it: no group is another user's by itself."""
    if not os.access(path / _CONTROL, os.W_OK):
        return False
    with suppress(OSError):
        if os.getxattr(path, _DELEGATED) == b"1":
            return True
    return 0 != path.stat().st_uid == os.getuid()


def _write(path: Path, text: str) -> None:
    """In one call, to what is there: the kernel takes each as one order."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
