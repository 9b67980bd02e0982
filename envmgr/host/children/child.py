"""One child process: started in a session of its own, watched, ended politely, always reaped."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Protocol

from envmgr.domain.values.cage import Limit
from envmgr.host.landlock import scoped
from envmgr.host.memory import limit_memory

from .group import end_group
from .leftovers import caged_by, end_leftovers
from .quiet import Quiet

# How soon a stop or a new line is noticed; the end of the process itself wakes at once.
_TICK_MILLISECONDS = 100


class Cause(Enum):
    """Why envmgr ended a process itself."""

    STOPPED = "stopped"
    TIMED_OUT = "timed out"
    LIMITED = "used up what it may"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its return code (negative: the signal), why, where envmgr ended it, and what it `reached`."""

    code: int
    cause: Cause | None = None
    reached: tuple[Limit, ...] = ()


class Bounds(Protocol):
    """What bounds a child together with all that it starts."""

    def enter(self, pid: int) -> None:
        """Brings a child under them that has just started."""
        ...

    def is_over(self) -> bool:
        """Whether the child has used up what the kernel does not stop by itself; asked about ten times a second."""
        ...

    def reached(self) -> tuple[Limit, ...]:
        """Which limits were reached up to now."""
        ...


class _Unbounded:
    def enter(self, _: int) -> None:
        pass

    def is_over(self) -> bool:
        return False

    def reached(self) -> tuple[Limit, ...]:
        return ()


UNBOUNDED: Bounds = _Unbounded()


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """How a process is looked after.

    `timeout` is the time until `ending` is sent, `patience` the time from there until SIGKILL. `started` gets
    the PID before anything is waited for; `stop` and `tick` are called about ten times a second. `tick` says whether the
    child said anything new, `quiet` is told for how long it did not, and used no processor either. `clears` says
    whether what is left of the child's process group is to be ended too, by how the child ended. Where there is a
    `mark` (`NAME=value`), all that still has it in its environment, and the child's whole session, ends with the child.
    """

    timeout: timedelta
    patience: timedelta
    started: Callable[[int], None]
    stop: Callable[[], bool]
    tick: Callable[[], bool]
    quiet: Callable[[timedelta], None] = lambda _: None
    ending: signal.Signals = signal.SIGINT
    clears: Callable[[Ended], bool] = lambda _: False
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What to start: argv (no shell), working folder, the whole environment, and where its output goes.

    `output` and `errors` are descriptors of files, never of a pipe: a pipe's dead reader would kill the
    child. `keep_open` are descriptors it inherits, so that the locks they hold live as long as it does. `memory` is
    what it, and each process that it starts, may take, in bytes; `bounds` hold for them together. Where it is
    `scoped`, it reaches no process outside by signals or abstract sockets.
    """

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    output: int
    errors: int
    keep_open: tuple[int, ...] = ()
    memory: int | None = None
    bounds: Bounds = UNBOUNDED
    scoped: bool = False


def begin(start: Start) -> subprocess.Popen[bytes]:
    """Starts a process that is not looked after; raises OSError or ValueError where it cannot be started."""

    def popen() -> subprocess.Popen[bytes]:
        # No shell, no terminal, and a session of its own: a Ctrl-C on our terminal does not reach it, and it outlives us.
        return subprocess.Popen(
            list(start.argv),
            cwd=start.folder,
            env=dict(start.environment),
            stdin=subprocess.DEVNULL,
            stdout=start.output,
            stderr=start.errors,
            start_new_session=True,
            pass_fds=start.keep_open,
        )

    return scoped(popen) if start.scoped else popen()


def run(start: Start, supervision: Supervision) -> Ended:
    """Runs a process to its end; raises OSError or ValueError where it cannot be started.

    Whatever a callback raises ends the process (as at its time limit) before it goes on upwards.
    """
    child = begin(start)
    start.bounds.enter(child.pid)
    if start.memory is not None:
        limit_memory(child.pid, start.memory)

    def send(number: signal.Signals) -> None:
        """To the whole group: the child was not reaped yet, so its number is still its own."""
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)

    with _handle(child.pid) as handle:
        exited = _exit_of(handle)
        try:
            supervision.started(child.pid)
            cause = _attend(child.pid, exited, send, (supervision, start.bounds))
        except BaseException:
            # Whatever interrupts us, KeyboardInterrupt too: a child that nobody watches would go on behind
            # our back.
            _end(exited, send, supervision)
            _leave(child, Ended(_code(child.pid), Cause.STOPPED), supervision)
            raise
    return _leave(child, Ended(_code(child.pid), cause, start.bounds.reached()), supervision)


def _leave(child: subprocess.Popen[bytes], ended: Ended, supervision: Supervision) -> Ended:
    """How the child ended; it is reaped last, as until then its group's number is no other's."""
    try:
        if supervision.clears(ended):
            end_group(child.pid, supervision.ending, supervision.patience)
        if supervision.mark:
            end_leftovers(child.pid, supervision.mark)
    finally:
        child.wait()
    return ended


def attend(
    pid: int, is_it: Callable[[int], bool], supervision: Supervision, bounds: Bounds = UNBOUNDED
) -> Cause | None:
    """Looks after a process that another process started, until it has ended; says why, where we ended it.

    `is_it` says whether the process with the PID is still the one that is meant. How it ended cannot be known.
    """
    with suppress(ProcessLookupError), _handle(pid) as handle:
        if is_it(pid):
            exited = _exit_of(handle)
            supervision.started(pid)
            return _attend(pid, exited, lambda number: _send_all(pid, handle, number), (supervision, bounds))
    return None


def _send_all(pid: int, handle: int, number: signal.Signals) -> None:
    """To this process, and to what is in its cage; its group's number may be another's by now, a handle never is."""
    with caged_by(pid) as others:
        if _exit_of(handle).poll(0):
            return  # so whose those are is not sure
        for each in (handle, *others):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(each, number)


def _code(pid: int) -> int:
    """The return code (negative: the signal) of a child that has ended, without reaping it."""
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if result is None:  # only for who does not want to wait
        raise ChildProcessError(f"{pid} has not ended.")
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


@contextmanager
def _handle(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _exit_of(handle: int) -> select.poll:
    """A poll object that is ready as soon as the process has ended: no granularity of sleeps."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return poll


def _attend(
    pid: int,
    exited: select.poll,
    send: Callable[[signal.Signals], None],
    watching: tuple[Supervision, Bounds],
) -> Cause | None:
    supervision, bounds = watching
    deadline = time.monotonic() + supervision.timeout.total_seconds()
    cause: Cause | None = None
    kill_at = float("inf")
    quiet = Quiet(pid)
    while not exited.poll(_TICK_MILLISECONDS):
        supervision.quiet(quiet.look(spoke=supervision.tick()))
        now = time.monotonic()
        if cause is None:
            cause = _reason_to_end(supervision, bounds, now >= deadline)
            if cause is not None:
                # Once only: Terraform takes a second SIGINT for an order to drop everything.
                send(supervision.ending)
                kill_at = now + supervision.patience.total_seconds()
        elif now >= kill_at:
            send(signal.SIGKILL)
    return cause


def _reason_to_end(supervision: Supervision, bounds: Bounds, timed_out: bool) -> Cause | None:
    if supervision.stop():
        return Cause.STOPPED
    if bounds.is_over():
        return Cause.LIMITED
    return Cause.TIMED_OUT if timed_out else None


def _end(exited: select.poll, send: Callable[[signal.Signals], None], supervision: Supervision) -> None:
    """Asks, waits, kills; whoever interrupts the patience gets SIGKILL at once."""
    try:
        send(supervision.ending)
        exited.poll(supervision.patience.total_seconds() * 1000)
    finally:
        if not exited.poll(0):
            send(signal.SIGKILL)
