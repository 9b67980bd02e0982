"""A listening socket of a test, and the thread that takes its connections."""

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from tests.support.processes import HOST


class Listener:
    """Takes connections at the loopback port `port`, from its making on, until it is closed.

    :param taken: is given each, in the listener's thread
    """

    def __init__(self, taken: Callable[[socket.socket], object]) -> None:
        """At a port that is free."""
        self._taken = taken
        self._socket = socket.create_server((HOST, 0), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more.

        The thread has ended before the number of the socket is free. A call that waits for a connection outlives the
        close of its socket, and the kernel may begin it anew, by the number alone: it would take a connection from
        whoever has that next, such as another test's server.
        """
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._taken(self._socket.accept()[0])
