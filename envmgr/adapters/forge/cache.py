"""Answers that are kept, so that a forge need only say that they still hold: that costs nothing of its budget."""

import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

_MOST = 2_000
_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer by its tag; the body is kept packed."""

    tag: str
    status: int
    headers: Mapping[str, str]
    packed: bytes

    def body(self) -> bytes:
        """The body as it came."""
        return zlib.decompress(self.packed)


class Cache:
    """The newest answers by address, so many bytes of them; the one that was not asked for longest goes first."""

    def __init__(self, most: int = _MOST, size: int = _BYTES) -> None:
        """Keeps so many answers, whose packed bodies have so many bytes together."""
        self._most, self._size = most, size
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, url: str) -> Kept | None:
        """What is kept of an address."""
        with self._lock:
            if url in self._kept:
                self._kept.move_to_end(url)
            return self._kept.get(url)

    def put(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keeps an answer where it has a tag."""
        tag = headers.get("etag")
        if not tag:
            return
        kept = Kept(tag, status, dict(headers), zlib.compress(body, 1))
        with self._lock:
            self._forget(url)
            self._kept[url] = kept
            self._bytes += len(kept.packed)
            while self._kept and (len(self._kept) > self._most or self._bytes > self._size):
                self._forget(next(iter(self._kept)))

    def _forget(self, url: str) -> None:
        before = self._kept.pop(url, None)
        if before is not None:
            self._bytes -= len(before.packed)
