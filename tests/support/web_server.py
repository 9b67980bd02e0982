"""A web server on loopback that answers as a test says."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast

from tests.support.certificates import Certificates, wrapped
from tests.support.processes import HOST
from tests.support.serving import Serving

Answer = Callable[[BaseHTTPRequestHandler], None]


def page(status: int = 200, body: bytes = b"hello", **headers: str) -> Answer:
    """An answer with this status, body and headers (`content_encoding` for `Content-Encoding`)."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        if request.close_connection:  # else the next request may come over it as it is closed
            request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(body)

    return answer


def dripping(head: bytes, drop: bytes, pause: float = 0.1, *, ends: bool = False) -> Answer:
    """`head` as it is, and then a drop now and then until the client hangs up; `ends`: nothing after the head."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(head)
        while not ends and not cast("_Http", request.server).closing.wait(pause):
            request.wfile.write(drop)

    return answer


@dataclass
class WebServer:
    """Answers GET and HEAD by path as `answers` says, 404 elsewhere; `requests` are those that came, with their headers."""

    certificates: Certificates | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on a free loopback port."""
        self._http = _Http(self)
        if self.certificates is not None:
            self._http.socket = wrapped(self._http.socket, self.certificates)
        self._serving = Serving(self._http)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._http.closing.set()
        self._serving.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.server_port

    def url(self, path: str = "/", host: str = HOST) -> str:
        """The address of a path."""
        return f"{'http' if self.certificates is None else 'https'}://{host}:{self.port}{path}"

    def answer(self, path: str, answer: Answer) -> str:
        """Answer so at a path from now on; gives its address."""
        self.answers[path] = answer
        return self.url(path)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, served: WebServer) -> None:
        super().__init__((HOST, 0), _Request)
        self.served = served
        self.closing = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what tests are about."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        served = cast("_Http", self.server).served
        self.close_connection = True
        served.requests.append((self.path, dict(self.headers)))
        served.answers.get(self.path.partition("?")[0], page(404))(self)

    do_HEAD = do_GET  # noqa: N815  the library's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Nothing on the terminal."""
