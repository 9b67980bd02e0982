"""A small HTTP server on loopback that answers as a function says; for APIs that have no emulator."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast

from tests.support.processes import HOST
from tests.support.serving import Serving


@dataclass(frozen=True)
class Request:
    """What was asked for; `path` has the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered: JSON, or bytes as they are."""

    status: int
    content: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class ScriptedHttp:
    """Serves `answer`, over TLS with a context."""

    def __init__(self, answer: Callable[[Request], Reply], tls: ssl.SSLContext | None = None) -> None:
        """Bind a free loopback port; requests are answered from `with` on."""
        self.answer = answer
        self._http = _Http(self)
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.server_port

    def __enter__(self) -> Self:
        """Answer requests."""
        self._serving = Serving(self._http)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._serving.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, script: ScriptedHttp) -> None:
        super().__init__((HOST, 0), _Request)
        self.script = script

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is part of a test."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the parent's name)
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer by the script."""
        self._serve()

    def do_POST(self) -> None:
        """Answer by the script."""
        self._serve()

    def do_PUT(self) -> None:
        """Answer by the script."""
        self._serve()

    def _serve(self) -> None:
        script = cast(_Http, self.server).script
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            self.close_connection = True  # the client went away: no request
            return
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        reply = script.answer(request)
        content = reply.content if isinstance(reply.content, bytes) else json.dumps(reply.content).encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
