"""The bytes of a file on their way."""

import io
import os
from collections.abc import Callable
from typing import IO


class Content(io.FileIO):
    """The first `size` bytes of an opened file; `check` is asked for each piece.

    No more than those: what a step left running may write to the file all the while.
    """

    def __init__(self, file: IO[bytes], size: int, check: Callable[[], None]) -> None:
        super().__init__(os.dup(file.fileno()))
        self._size = size
        self._check = check

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        self._check()
        rest = max(self._size - self.tell(), 0)
        return super().read(rest if size is None or size < 0 else min(size, rest)) or b""
