"""Reads a growing file line by line, in bounded memory, and gives its disk space back."""

import ctypes
import errno
import os
from collections.abc import Iterator

_CHUNK = 1024 * 1024
_LONGEST = 16 * 1024 * 1024  # all of an apply's outputs are one line
# A run that prints gigabytes takes no more of the disk than this and what was not read yet.
_PUNCH_AFTER = 8 * 1024 * 1024
_NO_MORE = 2**63
_KEEP_SIZE_AND_PUNCH_HOLE = 0x03


class Tail:
    """Follows the file behind a descriptor; longer lines than `longest` bytes are cut."""

    def __init__(
        self, descriptor: int, longest: int = _LONGEST, start: int = 0, end: int | None = None
    ) -> None:
        """Begin at the byte `start`, behind what an earlier reader gave back; read nothing from `end` on."""
        self._descriptor = descriptor
        self._longest = longest
        self._end = end
        self._offset = start
        self._punched = start
        self._rest = bytearray()

    def lines(self) -> Iterator[str]:
        """The complete lines that were written between the last call and this one.

        What is written meanwhile is the next call's: who writes faster than we read would hold us for ever. So would who
        makes the file larger than what is in it: nobody printed what is no data.
        """
        size = os.fstat(self._descriptor).st_size
        end = size if self._end is None else min(size, self._end)
        while chunk := os.pread(self._descriptor, max(min(_CHUNK, end - self._offset), 0), self._offset):
            self._offset += len(chunk)
            if not chunk.strip(b"\0"):
                self._offset = max(self._offset, min(self._next_data(), end))
            *complete, last = chunk.split(b"\n")
            for piece in complete:
                yield self._line(piece)
            self._keep(last)
            self._give_back()

    def last(self) -> Iterator[str]:
        """What is left once nobody writes any more, with or without a line's end."""
        yield from self.lines()
        if self._rest:
            yield self._line(b"")

    def _line(self, piece: bytes) -> str:
        self._keep(piece)
        line = self._rest.decode(errors="replace").rstrip("\r")
        self._rest.clear()
        return line

    def _keep(self, piece: bytes) -> None:
        self._rest += piece[: self._longest - len(self._rest)]

    def _next_data(self) -> int:
        """Where it goes on with what was written; as a reader of its own, since a child writes where this one stands."""
        try:
            descriptor = os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return self._offset
        try:
            return os.lseek(descriptor, self._offset, os.SEEK_DATA)
        except OSError as error:
            return _NO_MORE if error.errno == errno.ENXIO else self._offset
        finally:
            os.close(descriptor)

    def _give_back(self) -> None:
        """Frees the blocks already read, where the file system can; the size stays, offsets stay true."""
        length = self._offset - self._punched
        if length >= _PUNCH_AFTER and _fallocate is not None:
            start, size = ctypes.c_int64(self._punched), ctypes.c_int64(length)
            _fallocate(self._descriptor, _KEEP_SIZE_AND_PUNCH_HOLE, start, size)
            self._punched = self._offset


def first_data(descriptor: int) -> int:
    """Where in a file an earlier reader stopped giving back: its first byte that is still there."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError:  # it holds none
        return os.fstat(descriptor).st_size


_fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
