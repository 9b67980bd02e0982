"""What a step prints: a private file, followed into the run's log up to a limit."""

import io
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from envmgr.host.children.run_log import RunLog
from envmgr.host.children.tail import Tail
from envmgr.host.leftovers import clear, sweep
from envmgr.host.system import create_private

_LONGEST_LINE = 1024 * 1024
_LAST = 20
_AT_ONCE = 500  # lines for one entry of the log


class Printed:
    """Follows the output file of one step; `last` are its last lines with text in them, as they were printed."""

    def __init__(self, file: io.FileIO, largest: int, log: RunLog) -> None:
        """Follow `file` into the log, up to `largest` bytes."""
        self._descriptor = file.fileno()
        self._largest = largest
        self._log = log
        self._tail = Tail(self._descriptor, longest=_LONGEST_LINE, end=largest)
        self.last: deque[str] = deque(maxlen=_LAST)
        self.is_too_much = False

    def follow(self) -> bool:
        """Takes in what was printed since the last call; says whether that is anything."""
        self._cut()
        return self._take(self._tail.lines())

    def finish(self) -> None:
        """Takes in the rest, once the step has ended."""
        self._cut()
        self._take(self._tail.last())

    def _cut(self) -> None:
        """Keeps the file at its limit, also while the step that passed it is being ended."""
        if os.fstat(self._descriptor).st_size > self._largest:
            self.is_too_much = True
            os.ftruncate(self._descriptor, self._largest)

    def _take(self, lines: Iterator[str]) -> bool:
        is_any = False
        while some := list(islice(lines, _AT_ONCE)):
            self._log.write("\n".join(some))
            self.last.extend(line for line in some if line.strip())
            is_any = True
        return is_any


@contextmanager
def output_file(path: Path) -> Iterator[io.FileIO]:
    """A new private file for a step's output, with its name as long as the step runs."""
    clear(path)
    with os.fdopen(create_private(path, os.O_RDWR | os.O_APPEND), "r+b", buffering=0) as file:
        try:
            yield file
        finally:
            sweep(path)
