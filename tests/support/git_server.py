"""Repositories over HTTP through git's own http-backend, with faults that a test asks for."""

import base64
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from urllib.parse import unquote, urlsplit

from tests.support.certificates import Certificates, wrapped
from tests.support.git_repository import git_environment
from tests.support.processes import HOST
from tests.support.serving import Serving

_HANG_SECONDS = 300


@dataclass(frozen=True)
class Fault:
    """What goes wrong with every request for one repository."""

    delay: float = 0
    until: threading.Event | None = None  # it is answered once this is set
    status: int | None = None
    hang: bool = False
    cut_after: int | None = None  # so many bytes of the body are sent, then the connection is closed


@dataclass(frozen=True)
class Heard:
    """A request, the number of the connection that it came by, and what it said of itself."""

    connection: int
    request: str
    agent: str
    authorization: str | None


@dataclass
class GitServer:
    """Serves every bare repository `ROOT/NAME.git` as `http_url(NAME)`.

    With `keeps_connections` a client may ask again over the same one. `told` makes all that is sent, of the true answer's
    body, to clients that are not git itself.
    """

    root: Path
    requests: list[str] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)  # contents of Git LFS, by their SHA-256
    closing: threading.Event = field(default_factory=threading.Event)
    certificates: Certificates | None = None
    keeps_connections: bool = False
    heard: list[Heard] = field(default_factory=list)
    told: Callable[[bytes], bytes] | None = None

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
        """Let hanging requests go and stop listening."""
        self.closing.set()
        self._serving.close()

    def http_url(self, name: str) -> str:
        """Where the repository is served."""
        return f"http://{HOST}:{self._http.server_port}/{name}.git"

    def https_url(self, name: str, host: str) -> str:
        """Where the repository is served with certificates, by a name of this host."""
        return f"https://{host}:{self._http.server_port}/{name}.git"

    def fail(
        self,
        name: str,
        *,
        delay: float = 0,
        until: threading.Event | None = None,
        status: int | None = None,
        hang: bool = False,
        cut_after: int | None = None,
    ) -> None:
        """From now on requests for the repository are slow, refused, never answered, or cut short."""
        self.faults[name] = Fault(delay, until, status, hang, cut_after)

    def heal(self, name: str) -> None:
        """Serve the repository as it is again."""
        self.faults.pop(name, None)

    def protect(self, name: str, username: str, password: str) -> None:
        """Ask for a user name and a password."""
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.passwords[name] = f"Basic {pair}"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, git: GitServer) -> None:
        super().__init__((HOST, 0), _Request)
        self.git = git
        self.numbers = itertools.count(1)


class _Request(BaseHTTPRequestHandler):
    """One request, handed to git http-backend as a CGI program."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Once for each connection."""
        super().setup()
        self._number = next(cast(_Http, self.server).numbers)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the parent's name)
        """Say nothing: what was asked for is in `requests`."""

    def do_GET(self) -> None:
        """Answer a listing."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a fetch or a push."""
        self._serve()

    def _serve(self) -> None:
        git = cast(_Http, self.server).git
        url = urlsplit(self.path)
        name = unquote(url.path).lstrip("/").partition(".git")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        git.requests.append(f"{self.command} {self.path}")
        agent = self.headers.get("User-Agent", "")
        git.heard.append(Heard(self._number, git.requests[-1], agent, self.headers.get("Authorization")))
        self.close_connection = self.close_connection or not git.keeps_connections
        fault = git.faults.get(name, Fault())
        if fault.hang:
            git.closing.wait(_HANG_SECONDS)
            return
        time.sleep(fault.delay)
        if fault.until is not None:
            fault.until.wait(_HANG_SECONDS)
        if fault.status:
            self._refuse(fault.status)
        elif name in git.passwords and self.headers.get("Authorization") != git.passwords[name]:
            self._refuse(HTTPStatus.UNAUTHORIZED)
        elif "/lfs/" in url.path:
            self._answer(_lfs(git, url.path, body), fault.cut_after)
        else:
            output = _http_backend(git.root, self, unquote(url.path), url.query, body)
            if git.told is None or agent.startswith("git/2"):
                self._answer(output, fault.cut_after)
            else:
                self.close_connection = True
                with suppress(OSError):  # who has heard enough is gone
                    self.wfile.write(git.told(output.partition(b"\r\n\r\n")[2]))

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, output: bytes, cut_after: int | None) -> None:
        head, _, body = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        headers.pop("Content-Length", None)
        goes_on = {"Connection": "close"} if self.close_connection or cut_after is not None else {}
        for key, value in {**headers, "Content-Length": str(len(body)), **goes_on}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:cut_after])


def _lfs(git: GitServer, path: str, body: bytes) -> bytes:
    """Git LFS's batch call, and its downloads below the same address."""
    last = path.rpartition("/")[2]
    if last in git.lfs:
        return b"Content-Type: application/octet-stream\r\n\r\n" + git.lfs[last]
    asked = json.loads(body)["objects"]
    address = git.http_url(path.partition(".git")[0].strip("/"))
    answers = [
        {**one, "actions": {"download": {"href": f"{address}/info/lfs/objects/{one['oid']}"}}}
        if one["oid"] in git.lfs
        else {**one, "error": {"code": 404, "message": "Object does not exist on the server"}}
        for one in asked
    ]
    text = json.dumps({"transfer": "basic", "objects": answers}).encode()
    return b"Content-Type: application/vnd.git-lfs+json\r\n\r\n" + text


def _http_backend(root: Path, request: _Request, path: str, query: str, body: bytes) -> bytes:
    """What git's CGI program prints for the request."""
    protocol = request.headers.get("Git-Protocol", "")
    environment = {
        **git_environment(),
        "GIT_PROJECT_ROOT": os.fspath(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": protocol,
        "HTTP_GIT_PROTOCOL": protocol,
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": HOST,
        "REMOTE_USER": "test",  # without a user http-backend refuses pushes
    }
    return subprocess.run(
        ["git", "http-backend"], input=body, stdout=subprocess.PIPE, env=environment, check=False
    ).stdout
