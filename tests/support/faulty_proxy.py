"""An HTTP server in front of another: it passes all on, until a test wants the other to be cut, slow, failing or away."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self, cast

from tests.support.certificates import Certificates
from tests.support.processes import HOST

_SECONDS = 30
_NOT_PASSED_ON = {"transfer-encoding", "connection", "content-length"}

Only = Callable[[str, bytes], bool]
"""Whether a request, as `PUT /path?query` with its body, is meant."""


@dataclass(frozen=True)
class Fault:
    """What becomes of a request: it waits, then is answered with a status, or its connection is closed.

    `lost` lets it reach the server, and closes the connection instead of giving the answer.
    """

    delay: float = 0
    status: int | None = None
    cut: bool = False
    lost: bool = False


@dataclass
class FaultyProxy:
    """In front of the HTTP server at the loopback port `upstream`.

    With `certificates` it speaks TLS, and so does the server, whose authority is `upstream_authority`.
    """

    upstream: int
    certificates: Certificates | None = None
    upstream_authority: str | None = None
    failed: list[str] = field(default_factory=list)
    port: int = 0
    _fault: Fault | None = None
    _only: Only = lambda *_: True
    _server: "_Server | None" = None

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.certificates else 'http'}://{HOST}:{self.port}"

    def fail(self, fault: Fault, only: Only = lambda *_: True) -> None:
        """From now on this happens to all requests, or to those that are meant; `failed` lists them."""
        self._fault, self._only = fault, only

    def heal(self) -> None:
        """Pass all on again."""
        self._fault = None

    def stop(self) -> None:
        """Close all connections and refuse new ones, as where no server runs."""
        server, self._server = self._server, None
        if server is not None:
            server.end()

    def start(self) -> None:
        """Listen again, on the same port."""
        self._server = _Server(self)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def fault_for(self, line: str, body: bytes) -> Fault:
        """What is to happen to a request."""
        if self._fault is None or not self._only(line, body):
            return Fault()
        self.failed.append(line)
        return self._fault

    def connect(self) -> http.client.HTTPConnection:
        """A connection to the server behind."""
        if self.upstream_authority is None:
            return http.client.HTTPConnection(HOST, self.upstream, timeout=_SECONDS)
        context = ssl.create_default_context(cafile=self.upstream_authority)
        return http.client.HTTPSConnection(HOST, self.upstream, timeout=_SECONDS, context=context)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultyProxy) -> None:
        super().__init__((HOST, proxy.port), _Request)
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        self._tls = None
        if proxy.certificates is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(proxy.certificates.chain, proxy.certificates.key)

    def get_request(self) -> tuple[socket.socket, object]:
        """Take a connection; the handshake is left to its own thread."""
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: object) -> None:
        """Forget a connection that ended."""
        self._open.discard(cast(socket.socket, request))
        super().shutdown_request(cast(socket.socket, request))

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a side that went away is what these tests are about."""

    def end(self) -> None:
        """Take no more, and close what is open."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the parent's name)
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a read."""
        self._serve()

    def do_HEAD(self) -> None:
        """Answer a look."""
        self._serve()

    def do_PUT(self) -> None:
        """Answer a write."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a call."""
        self._serve()

    def do_DELETE(self) -> None:
        """Answer a removal."""
        self._serve()

    def _serve(self) -> None:
        proxy = cast(_Server, self.server).proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = proxy.fault_for(f"{self.command} {self.path}", body)
        time.sleep(fault.delay)
        if fault.cut:
            self.close_connection = True
        elif fault.status is not None:
            self._answer(fault.status, [], b"")
        else:
            self._pass_on(proxy, body, fault)

    def _pass_on(self, proxy: FaultyProxy, body: bytes, fault: Fault) -> None:
        upstream = proxy.connect()
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"connection", "expect"}:
                upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if fault.lost:
            self.close_connection = True
        else:
            self._answer(answer.status, answer.getheaders(), content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        length = {name.lower(): value for name, value in headers}.get("content-length")
        for name, value in headers:
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        of_head = length if self.command == "HEAD" and length else str(len(content))
        self.send_header("Content-Length", of_head)
        self.end_headers()
        self.wfile.write(content)
