"""One time limit over all that a request does, though its server sends a byte now and then."""

import os
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from .addresses import CheckedConnection

_current: ContextVar["RequestTimeout"] = ContextVar("request-timeout")


class RequestTimeout:
    """Within the block, connections of the pools in `POOLS` are cut off once the time is over.

    What was read until then may look complete: ask `is_over` after each answer.
    """

    def __init__(self, seconds: float) -> None:
        """Begin to count with the block."""
        self.is_over = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Start counting."""
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting."""
        _current.reset(self._token)
        self._timer.cancel()
        with self._lock:
            for watched in self._sockets:
                watched.close()
            self._sockets.clear()

    def watch(self, descriptor: int) -> None:
        """Cuts off the connection behind a descriptor, too; TLS or the pool may close that one meanwhile."""
        with self._lock:
            self._sockets.append(socket.socket(fileno=os.dup(descriptor)))
        # The time may have run out before there was a connection to cut.
        if self.is_over:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            for watched in self._sockets:
                with suppress(OSError):  # it was closed by the other side
                    # Shut down, not closed: only that wakes a thread which is reading.
                    watched.shutdown(socket.SHUT_RDWR)


class _HttpConnection(CheckedConnection):
    def connect(self) -> None:
        super().connect()
        _current.get().watch(self.sock.fileno())


class _HttpsConnection(CheckedConnection, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _current.get().watch(self.sock.fileno())


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


POOLS = {"http": _HttpPool, "https": _HttpsPool}
"""Connection pools, by scheme, that heed the time limit in whose block they are used, and whom they may ask there."""
