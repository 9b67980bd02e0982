"""A TCP proxy before PostgreSQL that cuts a connection in the moment of a commit."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from tests.support.listener import Listener
from tests.support.processes import HOST

_COMMIT = b"COMMIT\0"


class Lost(StrEnum):
    """What the cut takes away: in the first case all was committed, in the second nothing."""

    ANSWER = "answer"
    REQUEST = "request"


class CuttingProxy:
    """In front of a PostgreSQL at the loopback port `upstream`, without TLS; `port` is its own."""

    def __init__(self, upstream: int) -> None:
        """It passes all on, until a test wants a commit to be cut."""
        self._upstream = upstream
        self._lock = threading.Lock()
        self._left = 0
        self._open: list[_Connection] = []
        self._lost = Lost.ANSWER
        self._listener = Listener(self._take)
        self.port = self._listener.port

    def cut(self, commit: int, lost: Lost) -> None:
        """The nth commit from now on, counted from 1, is cut."""
        with self._lock:
            self._left, self._lost = commit, lost

    @property
    def is_waiting(self) -> bool:
        """Whether the commit that is to be cut has not come yet."""
        return self._left > 0

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _take(self, client: socket.socket) -> None:
        self._open.append(_Connection(self, client, socket.create_connection((HOST, self._upstream))))

    def fate(self, data: bytes) -> Lost | None:
        """What is lost of a commit in what was just sent; None where it is none, or not the one that is meant."""
        with self._lock:
            if _COMMIT not in data or self._left == 0:
                return None
            self._left -= 1
            return self._lost if self._left == 0 else None


class _Connection:
    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._is_doomed = False
        self._sides = [threading.Thread(target=each, daemon=True) for each in (self._ask, self._answer)]
        for side in self._sides:
            side.start()

    def _ask(self) -> None:
        with self._ending():
            while data := self._client.recv(65536):
                match self._proxy.fate(data):
                    case Lost.REQUEST:
                        return
                    case Lost.ANSWER:
                        self._is_doomed = True
                self._server.sendall(data)

    def _answer(self) -> None:
        with self._ending():
            while (data := self._server.recv(65536)) and not self._is_doomed:
                self._client.sendall(data)

    def close(self) -> None:
        """End, wherever it is."""
        self._end()
        for side in self._sides:
            side.join()
        self._client.close()
        self._server.close()

    def _end(self) -> None:
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            with suppress(OSError):
                yield
        finally:
            self._end()


@contextmanager
def cutting_proxy(upstream: int) -> Iterator[CuttingProxy]:
    """One that ends with the block."""
    proxy = CuttingProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
