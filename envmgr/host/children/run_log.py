"""A run's log for people: redacted, with times, and bounded."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from envmgr.ports import Redact

_LONGEST_LINE = 64 * 1024
# Of a log for people, who read its beginning and its end; Terraform's state does not depend on it.
_LARGEST = 20 * 1024 * 1024
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_COMMAND = re.compile(rb"\S+ terraform [a-z-]+( [a-z-]+)?$")


class RunLog:
    """Appends to a log file; what does not fit any more is dropped, and said once.

    A log that cannot be written (a full disk) is given up quietly: the child must not die of it.
    """

    def __init__(
        self,
        path: Path,
        redact: Redact,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        largest: int = _LARGEST,
        skip: int = 0,
    ) -> None:
        """Open (or create, 0600) the log; `largest` is its bound in bytes; the first `skip` lines are not written."""
        self._redact = redact
        self._clock = clock
        self._skip = skip
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._room = largest - os.fstat(self._descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def is_full(self) -> bool:
        """Whether nothing is written any more."""
        return self._room <= 0

    def write(self, text: str) -> None:
        """Appends a text, redacted as a whole, so that a secret over several lines is found too."""
        if self.is_full or not text.strip():
            return
        time = f"{self._clock():%Y-%m-%dT%H:%M:%SZ}"
        lines = [_bounded(line) for line in self._redact(_CONTROL.sub("", text)).splitlines()]
        lines, self._skip = lines[self._skip :], max(self._skip - len(lines), 0)
        entry = "".join(f"{time} {line}\n" for line in lines).encode(errors="replace")
        if len(entry) > self._room:
            entry = f"{time} (the log is full: the rest of the output was dropped)\n".encode()
            self._room = 0
        self._append(entry)

    def _append(self, entry: bytes) -> None:
        try:
            os.write(self._descriptor, entry)
        except OSError:
            self._room = 0
        else:
            self._room -= len(entry)


def lines_of_last_command(path: Path) -> int:
    """How many lines of its last command's output a log holds already; 0 where there is no log."""
    count = 0
    with suppress(FileNotFoundError), path.open("rb") as lines:
        for line in lines:
            count = 0 if _COMMAND.match(line) else count + 1
    return count


def printable(text: str) -> str:
    """A line without what would move the cursor or recolour the terminal."""
    return _CONTROL.sub("", text)


def _bounded(line: str) -> str:
    line = printable(line)
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}… (line cut)"
