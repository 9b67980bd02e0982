"""A forge on loopback: each request is checked against the extract, each answer made from it, with faults as tests want them."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, Self, cast
from urllib.parse import parse_qsl

from tests.support.processes import HOST
from tests.support.serving import Serving

from .extract import Operation, extract
from .model import Model, User

TOKEN = "loopback-token-0123456789"


@dataclass(frozen=True)
class Reply:
    """What a call answers; the body lacks what only the extract asks for."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A request that is one of the extract's calls, by somebody who is known. `values` are those of its path."""

    operation: str
    values: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    user: User
    forge: "LoopbackForge"
    target: str

    @property
    def model(self) -> Model:
        """The repository that it is about."""
        return self.forge.kind.model(self)


Work = Callable[[Call], Reply]


class Kind(Protocol):
    """What is different for a kind of forge: the extract of its description, what its calls do, how it refuses."""

    extract: str
    prefix: str
    has_tags: bool

    def calls(self) -> Mapping[str, Work]:
        """What each call does, by its `operationId`."""
        ...

    def model(self, call: Call) -> Model:
        """The repository that a call is about."""
        ...

    def user(self, forge: "LoopbackForge", headers: Mapping[str, str], operation: str) -> User | None:
        """Who asks, by names of headers in lower case; None: the forge knows nobody of these credentials."""
        ...

    def refusal(self, status: int, message: str) -> Any:
        """The body of a refusal."""
        ...

    def limits(self, forge: "LoopbackForge") -> Mapping[str, str]:
        """What each answer says of what is left of the budget."""
        ...


@dataclass
class Fault:
    """What goes wrong the next `times` that some call is made, after the first `spared`: another status, late, or cut off after half of it."""

    operation: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    is_cut: bool = False
    is_done: bool = False
    times: int = 1
    spared: int = 0


@dataclass
class LoopbackForge:
    """Serves some repositories. Requests that the vendor's description does not allow are `wrongs`, which fail the test at the end.

    `calls` are all that were answered, with their status; `requests` are these as they came (method, target, body). A fault that `is_done` answers only after the call did its
    work. `is_doubled` and `is_reversed` have lists come with each thing twice, or the other way round. `remaining` is
    what is left of the budget, None: no answer tells of one.
    """

    kind: Kind
    models: list[Model] = field(default_factory=lambda: [Model()])
    tokens: dict[str, User] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    is_doubled: bool = False
    is_reversed: bool = False
    remaining: int | None = None
    limit: int = 5000
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Knows the one token of envmgr."""
        self.tokens.setdefault(TOKEN, self.model.own)

    @property
    def model(self) -> Model:
        """The first repository."""
        return self.models[0]

    @property
    def url(self) -> str:
        """Its address, without the path of its calls."""
        return f"http://{HOST}:{self._http.server_port}"

    def named(self, name: str) -> Model:
        """A repository; KeyError where there is none."""
        return {model.name: model for model in self.models}[name]

    def fails(self, **what: Any) -> Fault:
        """Something goes wrong from now on, as often as the fault says."""
        fault = Fault(**what)
        self.faults.append(fault)
        return fault

    def count(self, operation: str, status: int | None = None) -> int:
        """How often a call was answered."""
        return sum(name == operation and status in (None, given) for name, given in self.calls)

    def __enter__(self) -> Self:
        """Listen on a free loopback port."""
        self._http = _Http(self)
        self._serving = Serving(self._http)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; what was asked against the description fails the test, unless something else did."""
        self._serving.close()
        assert error is not None or not self.wrongs, self.wrongs

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[Reply, Fault]:
        """What is answered to a request, and what goes wrong on the way."""
        path, _, query = target.partition("?")
        found = extract(self.kind.extract).of(method, path.removeprefix(self.kind.prefix))
        if found is None or not path.startswith(self.kind.prefix):
            self.wrongs.append(f"{method} {target} is no call of this forge")
            return Reply(404, self.kind.refusal(404, "Not Found")), Fault()
        operation, values = found
        fault = self._fault(operation)
        with self._lock:
            reply = self._refused(fault) if fault.status is not None and not fault.is_done else None
            if reply is None:
                reply = self._done(operation, values, (target, query), headers, content)
                if fault.is_done and fault.status is not None:
                    reply = self._refused(fault)
            self.calls.append((operation.id, reply.status))
            self.requests.append((method, target, content))
        return reply, fault

    def _refused(self, fault: Fault) -> Reply:
        assert fault.status is not None
        return Reply(fault.status, self.kind.refusal(fault.status, "as the test wants it"), fault.headers)

    def _fault(self, operation: Operation) -> Fault:
        for fault in self.faults:
            if fault.times > 0 and fault.operation in (None, operation.id):
                if fault.spared > 0:
                    fault.spared -= 1
                    break
                fault.times -= 1
                return fault
        return Fault()

    def _done(
        self,
        operation: Operation,
        values: Mapping[str, str],
        asked: tuple[str, str],
        headers: Mapping[str, str],
        content: bytes,
    ) -> Reply:
        target, query = asked
        body = json.loads(content) if content else None
        wrongs = list(operation.wrongs(values, query, body))
        if wrongs:
            self.wrongs += wrongs
            return Reply(422, self.kind.refusal(422, "; ".join(wrongs)))
        user = self.kind.user(self, headers, operation.id)
        if user is None:
            return Reply(401, self.kind.refusal(401, "Bad credentials"))
        call = Call(operation.id, values, dict(parse_qsl(query)), body, headers, user, self, target)
        work = self.kind.calls().get(operation.id)
        if work is None:
            self.wrongs.append(f"{operation.id} is not served: add it to this kind")
            return Reply(501)
        try:
            reply = work(call)
        except KeyError as missing:
            return Reply(404, self.kind.refusal(404, f"no {missing}"))
        return self._finished(operation, reply, headers)

    def _finished(self, operation: Operation, reply: Reply, headers: Mapping[str, str]) -> Reply:
        """With all that the description asks for, what is left of the budget, and the tag."""
        body, wrongs = operation.answer(reply.status, self._shuffled(reply.body))
        self.wrongs += wrongs
        said = {**reply.headers, **self.kind.limits(self)}
        if self.kind.has_tags and operation.method == "GET" and reply.status == 200:
            text = json.dumps([body, reply.headers.get("Link")])
            tag = f'W/"{hashlib.sha256(text.encode()).hexdigest()}"'
            said["ETag"] = tag
            if headers.get("if-none-match") == tag:
                return Reply(304, None, said)
        if self.remaining is not None:
            self.remaining = max(self.remaining - 1, 0)
        return Reply(reply.status, body, said)

    def _shuffled(self, body: Any) -> Any:
        """A list, as the test wants lists to come."""
        if isinstance(body, dict):
            return {n: self._shuffled(v) if n in ("values", "value") else v for n, v in body.items()}
        if not isinstance(body, list):
            return body
        rows = [each for row in body for each in (row, row)] if self.is_doubled else body
        return rows[::-1] if self.is_reversed else rows


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(self, forge: LoopbackForge) -> None:
        super().__init__((HOST, 0), _Request)
        self.forge = forge

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of a test."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply, fault = cast(_Http, self.server).forge.answer(self.command, self.path, headers, content)
        time.sleep(fault.delay)
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        self.close_connection = True
        if fault.is_cut and not body:
            return  # there is but the head to cut off
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault.is_cut else body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815  the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Nothing on the terminal."""
