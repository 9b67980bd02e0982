"""Who hears of every Terraform command as it starts, and kills the one that was chosen."""

import os
import select
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.kill import Target

_END = b"end\n"


@dataclass(slots=True)
class Death:
    """The Terraform command (by number, from 0) to kill, so many seconds after its start; `hit` once it was."""

    command: int
    seconds: float
    target: Target
    hit: bool = False


@dataclass(slots=True)
class Heard:
    """A Terraform command that was started."""

    name: str
    process: int  # a pidfd
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None


class Undertaker:
    """Reads `PID PARENT COMMAND` lines from a named pipe, which the script in Terraform's place writes."""

    def __init__(self, pipe: Path) -> None:
        """Make the pipe."""
        os.mkfifo(pipe)
        # Open for writing too, so that neither side ever waits for the other.
        self._pipe = os.fdopen(os.open(pipe, os.O_RDWR | os.O_CLOEXEC), "r+b", buffering=0)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._heard: list[Heard] = []
        self._followers: list[threading.Thread] = []
        self._death: Death | None = None
        self._count = 0

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs, and listen no more."""
        self._pipe.write(_END)
        self._thread.join()
        for heard in self._heard:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(heard.process, signal.SIGKILL)
        for follower in self._followers:
            follower.join()
        for heard in self._heard:
            os.close(heard.process)
        self._pipe.close()

    def arm(self, death: Death | None) -> None:
        """Count commands from now on, and kill the one that `death` says."""
        self._count, self._death = 0, death

    def commands(self) -> list[tuple[str, float]]:
        """The commands that were started since the last call of this, and their seconds; waits for their ends."""
        self.wait()
        commands = [(heard.name, heard.seconds or 0.0) for heard in self._heard]
        for heard in self._heard:
            os.close(heard.process)
        self._heard, self._followers = [], []
        return commands

    def wait(self, seconds: float = 60) -> None:
        """Wait until every Terraform has ended, as real time would let it."""
        deadline = time.monotonic() + seconds
        for follower in list(self._followers):
            follower.join(max(0, deadline - time.monotonic()))

    def _listen(self) -> None:
        for line in iter(self._pipe.readline, _END):
            pid, parent, command = line.decode().split()
            death = self._death if self._death and self._death.command == self._count else None
            self._count += 1
            try:
                heard = Heard(command, os.pidfd_open(int(pid)))
            except ProcessLookupError:
                continue  # it has ended already
            self._heard.append(heard)
            follower = threading.Thread(
                target=_follow, args=(heard, int(pid), int(parent), death), daemon=True
            )
            self._followers.append(follower)
            follower.start()


def _follow(heard: Heard, pid: int, parent: int, death: Death | None) -> None:
    """Waits for the end of a command; kills it at its time if it has not ended before."""
    end = select.poll()
    end.register(heard.process, select.POLLIN)
    if death is not None and not end.poll(death.seconds * 1000):
        _kill(heard, pid, parent, death.target)
        death.hit = True
    end.poll()
    heard.seconds = time.monotonic() - heard.started


def _kill(heard: Heard, pid: int, parent: int, target: Target) -> None:
    with suppress(ProcessLookupError):
        if target is Target.BOTH:
            os.kill(parent, signal.SIGKILL)
        if target is Target.LONE:
            signal.pidfd_send_signal(heard.process, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)
