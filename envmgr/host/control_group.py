"""Control groups (cgroup v2) of a service whose unit delegates its own: one for each run, in it one for each child.

The daemon sits in a leaf (`daemon`), each child in a leaf of its run's group (`run-7/…`). The kernel limits and counts
all that is in a run's group together, and ends what is in a leaf as a whole. A run's group is there for as long as
something is in it. Where nothing is delegated there are no groups, and what calls here goes on without.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from envmgr.domain.rules.together import (
    CONTROLLERS,
    COUNTS,
    noted,
    of_note,
    processor_time,
    reached,
    settings,
)
from envmgr.domain.values.cage import CageLimits, Limit
from envmgr.host.memory import children
from envmgr.host.spent import Spent, is_of_no_run, spent_by
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
_spent: dict[Path, Spent] = {}
"""What the runs have used whose groups this process made and that are still there: whoever removes one adds to it."""
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


def of_services() -> Mapping[str, tuple[str, ...]]:
    """By what running services of envmgr can limit their runs, by the names of their units."""
    mounted = _mounted()
    if mounted is None:
        return {}
    leaves = sorted(mounted.glob(f"*.slice/**/envmgr*.service/{_DAEMON}"))
    return {leaf.parent.name: tuple(_text(leaf.parent / _CONTROL).split()) for leaf in leaves}


@dataclass(frozen=True, slots=True)
class RunGroup:
    """The group of a run and its limits; `spent` is what the run used before there was this group."""

    path: Path
    limits: CageLimits
    spent: Spent = field(default_factory=Spent)

    def make(self) -> None:
        """Makes it, where it is not there, with its limits; raises OSError."""
        self.path.mkdir(exist_ok=True)
        os.setxattr(self.path, _NOTE, json.dumps(noted(self.limits)).encode())
        self.limit()

    def limit(self) -> None:
        """Tells the kernel the limits; raises OSError."""
        has = (self.path / "cgroup.controllers").read_text().split()
        for file, text in settings(self.limits, has).items():
            with suppress(FileNotFoundError):  # a kernel without swap counts none
                _write(self.path / file, text)

    def counts(self) -> Mapping[str, str]:
        """What the kernel counted up to now."""
        return {name: _text(self.path / name) for name in COUNTS}

    def leaves(self) -> "list[ChildGroup]":
        """Those of its children."""
        return [ChildGroup(path, self) for path in self.path.glob("*") if path.is_dir()]

    def remove(self) -> None:
        """Removes it where nothing is in it, and remembers what it used."""
        used = processor_time(self.counts())
        with suppress(OSError):
            self.path.rmdir()
            self.spent.processor += used
            _spent.pop(self.path, None)


@dataclass(frozen=True, slots=True)
class ChildGroup:
    """The group of one child with all that it starts; `before` is what its run's group had counted when it began."""

    path: Path
    run: RunGroup
    before: Mapping[str, str] = field(default_factory=dict)

    @property
    def limits(self) -> CageLimits:
        """Those of its run, which hold for all children of that together."""
        return self.run.limits

    @property
    def entrance(self) -> Path:
        """What a process writes 0 to that goes in."""
        return self.path / _PROCESSES

    def enter(self, pid: int) -> None:
        """Puts a process in, and what it started already."""
        waiting = [pid]
        while waiting:
            each = waiting.pop()
            with suppress(OSError):  # it has ended meanwhile
                _write(self.entrance, str(each))
                # Its children after itself: what it starts from then on is in the group already.
                waiting += children(each)

    def reached(self) -> tuple[Limit, ...]:
        """Which limits of its run were reached since it began, or, of processor time, are used up."""
        return reached(self.limits, self.run.counts(), self.before, self.run.spent.processor)

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
        """Removes it where nothing runs in it, and its run's where nothing else is in that."""
        with suppress(OSError):
            self.path.rmdir()
        with _lock:  # a child of the same run may just get its own
            self.run.remove()


@contextmanager
def group(limits: CageLimits, log: Path, *, outlives: bool) -> Iterator[ChildGroup | None]:
    """A group for one child of the run with this log, within the block; None where there are no groups.

    At the end all in it is killed, unless what the child leaves running `outlives` it. Raises Transient where the
    limits cannot be set: nothing runs without.
    """
    place = _place()
    if place is None:
        yield None
        return
    run = RunGroup(place / _name(log), limits, spent_by(log))
    try:
        made = _made(run)
    except OSError as error:
        raise told(error, "A run cannot be given limits of its own") from error
    try:
        yield made
    finally:
        if outlives:
            made.remove()
        else:
            made.end()
        with _lock:
            _in_use.discard(made.path)
        _sweep(place)


def _made(run: RunGroup) -> ChildGroup:
    with _lock:
        run.make()
        _spent[run.path] = run.spent
        leaf = ChildGroup(run.path / str(time.monotonic_ns()), run, run.counts())
        leaf.path.mkdir()
        _in_use.add(leaf.path)
    return leaf


def left_by(log: Path) -> list[ChildGroup]:
    """The groups that another daemon left of the run with this log."""
    place = _place()
    if place is None:
        return []
    return [leaf for leaf in _found(place / _name(log)).leaves() if leaf.path not in _in_use]


def _sweep(place: Path) -> None:
    """Removes what is empty: of runs that were adopted, and of servers that a step left and that ended since."""
    for run in _groups(place):
        for leaf in run.leaves():
            with _lock:
                is_over = leaf.path not in _in_use and leaf.is_empty()
            if is_over:
                leaf.remove()
        with _lock:
            run.remove()


def _groups(place: Path) -> list[RunGroup]:
    return [_found(path) for path in place.glob(f"{_RUN}*") if path.is_dir()]


def _found(path: Path) -> RunGroup:
    return RunGroup(path, _noted(path), _spent.get(path, Spent()))


def _noted(path: Path) -> CageLimits:
    try:
        return of_note(json.loads(os.getxattr(path, _NOTE)))
    except (OSError, ValueError):
        return CageLimits()


def _name(log: Path) -> str:
    return f"{_RUN}{f'none-{time.monotonic_ns()}' if is_of_no_run(log) else log.stem}"


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
