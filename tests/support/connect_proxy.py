"""A CONNECT proxy that leads the hosts it knows to a loopback port, and refuses every other."""

import selectors
import socket
from collections.abc import Callable
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self, cast

from tests.support.processes import HOST
from tests.support.serving import Serving

_CHUNK = 65536


class ConnectProxy:
    """`route` gives the port for a target as in `name:443`, or None to refuse it."""

    def __init__(self, route: Callable[[str], int | None]) -> None:
        """Bind a free loopback port; requests are answered from `with` on."""
        self.refused: list[str] = []
        self.led: list[str] = []
        self._server = _Server(self, route)

    @property
    def url(self) -> str:
        """For HTTPS_PROXY."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Answer requests."""
        self._serving = Serving(self._server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._serving.close()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: ConnectProxy, route: Callable[[str], int | None]) -> None:
        super().__init__((HOST, 0), _Tunnel)
        self.proxy = proxy
        self.route = route


class _Tunnel(StreamRequestHandler):
    def handle(self) -> None:
        server = cast(_Server, self.server)
        method, target = [*self.rfile.readline().decode("latin-1").split(), "", ""][:2]
        while self.rfile.readline().strip():
            pass
        port = server.route(target) if method == "CONNECT" else None
        if port is None:
            server.proxy.refused.append(target)
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        server.proxy.led.append(target)
        try:
            with socket.create_connection((HOST, port), timeout=10) as upstream:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _carry(self.connection, upstream)
        except OSError:
            # Without a word, as where nobody listens: of a proxy's 502 Azure's library asks again for ten minutes.
            return


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes both ways until either side has no more."""
    peers = {one: other, other: one}
    with selectors.DefaultSelector() as ready:
        for side in peers:
            side.settimeout(None)
            ready.register(side, selectors.EVENT_READ)
        while True:
            for event, _ in ready.select():
                side = cast(socket.socket, event.fileobj)
                data = side.recv(_CHUNK)
                if not data:
                    return
                peers[side].sendall(data)
