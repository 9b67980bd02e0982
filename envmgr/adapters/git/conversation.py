"""What a git process is told and says, as it comes: what is too much is not even read."""

import os
import selectors
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 256 * 1024
_MESSAGES = 256 * 1024
"""Bytes of messages, the last ones, that are kept; a server may send them without end."""


class Broken(Enum):
    """Why a conversation ended before the process did."""

    TIMED_OUT = "timed out"
    TOO_MUCH = "too much"


@dataclass(slots=True)
class Conversation:
    """With one process: what it printed, and its messages. `largest` is how many bytes it may print."""

    process: "subprocess.Popen[bytes]"
    stdin: bytes
    largest: int
    output: bytearray = field(default_factory=bytearray)
    messages: bytearray = field(default_factory=bytearray)

    def hold(self, seconds: float) -> Broken | None:
        """Goes on until the process has closed its side and ended."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as waiting:
            self._register(waiting)
            while waiting.get_map():
                for key, _ in waiting.select(max(0.0, deadline - time.monotonic())):
                    if not key.data():
                        waiting.unregister(key.fileobj)
                        _close(key.fileobj)  # type: ignore[arg-type]
                if len(self.output) > self.largest:
                    return Broken.TOO_MUCH
                if time.monotonic() >= deadline:
                    return Broken.TIMED_OUT
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return Broken.TIMED_OUT
        return None

    def close(self) -> None:
        """Lets go what is still open."""
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            _close(pipe)

    def _register(self, waiting: selectors.BaseSelector) -> None:
        asked: tuple[tuple[IO[bytes] | None, int, Callable[[], bool]], ...] = (
            (self.process.stdout, selectors.EVENT_READ, self._read_output),
            (self.process.stderr, selectors.EVENT_READ, self._read_messages),
            (self.process.stdin, selectors.EVENT_WRITE, self._write),
        )
        for pipe, event, act in asked:
            if pipe is not None and not pipe.closed:
                # Only the selector may wait: a pipe that is ready may still take or give less than was asked
                # for.
                os.set_blocking(pipe.fileno(), False)
                waiting.register(pipe, event, act)

    def _read_output(self) -> bool:
        return _read(self.process.stdout, self.output)

    def _read_messages(self) -> bool:
        goes_on = _read(self.process.stderr, self.messages)
        del self.messages[:-_MESSAGES]
        return goes_on

    def _write(self) -> bool:
        pipe = self.process.stdin
        if pipe is None or not self.stdin:
            return False
        try:
            self.stdin = self.stdin[os.write(pipe.fileno(), self.stdin[:_CHUNK]) :]
        except BlockingIOError:
            return True
        except OSError:  # it does not want to hear more
            return False
        return bool(self.stdin)


def _read(pipe: IO[bytes] | None, into: bytearray) -> bool:
    if pipe is None:
        return False
    try:
        piece = os.read(pipe.fileno(), _CHUNK)
    except BlockingIOError:
        return True
    into += piece
    return bool(piece)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()
