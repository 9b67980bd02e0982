"""A server of a test, in a thread of its own."""

from socketserver import BaseServer
from threading import Thread

_POLL = 0.02  # seconds within which it notices that it is to stop


class Serving:
    """Answers from its making on, until it is closed."""

    def __init__(self, server: BaseServer) -> None:
        """The server is bound already: what is asked before the thread runs is answered, too."""
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(_POLL,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
