"""One question and its answer over a connection, within a time that holds for all of it, read by h11."""

import socket
import ssl
import time
from dataclasses import dataclass, field

import h11

_CHUNK = 64 * 1024
_AGENT = "git/envmgr"  # some servers know git's own by how it begins
_CHALLENGED = 401
_REALMS = 16 * 1024  # bytes of a page that says that a password is wanted


class Refused(Exception):
    """The answer is none that counts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a path of a server: `authorization` is a header's value, `largest` how many bytes the answer may have."""

    authority: str
    target: str
    body: bytes
    largest: int
    authorization: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Connection:
    """To one server; `made` and `used` are times of the monotonic clock, `is_silent` that nothing came in answer yet."""

    socket: socket.socket
    made: float
    used: float
    is_silent: bool = True
    state: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))

    def ask(self, asked: Asked, deadline: float) -> bytes | None:
        """The answer's body; None where a password is wanted, by `Basic` and by nothing that git would prefer.

        Raises Refused, OSError or h11's errors for all else, and the connection is then of no more use.
        """
        self.is_silent = True
        self.socket.settimeout(_left(deadline))
        begin = h11.Request(method="POST", target=asked.target, headers=_headers(asked))
        parts = (begin, h11.Data(data=asked.body), h11.EndOfMessage())
        self.socket.sendall(b"".join(self.state.send(part) for part in parts))
        head = self._event(deadline)
        if not isinstance(head, h11.Response):
            raise Refused
        wants_password = head.status_code == _CHALLENGED and asked.authorization is None and _is_basic(head)
        if not wants_password:
            _check(head)
        body = self._body(deadline, _REALMS if wants_password else asked.largest)
        self.used = time.monotonic()
        return None if wants_password else body

    def goes_on(self) -> bool:
        """Makes it ready for the next question; False where there will be none."""
        if self.state.our_state is not h11.DONE or self.state.their_state is not h11.DONE:
            return False
        self.state.start_next_cycle()
        return True

    def _body(self, deadline: float, largest: int) -> bytes:
        body = bytearray()
        while isinstance(event := self._event(deadline), h11.Data):
            body += event.data
            if len(body) > largest:
                raise Refused
        if not isinstance(event, h11.EndOfMessage) or list(event.headers) or self.state.trailing_data[0]:
            raise Refused
        return bytes(body)

    def _event(self, deadline: float) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self.state.next_event()) is h11.NEED_DATA:
            self.socket.settimeout(_left(deadline))
            received = self.socket.recv(_CHUNK)
            self.is_silent = self.is_silent and not received
            self.state.receive_data(received)
        return event


def connect(host: str, port: int, context: ssl.SSLContext | None, deadline: float) -> Connection:
    """A new connection, with TLS where there is a context. Raises OSError."""
    found = _reached(host, port, deadline)
    try:
        found.settimeout(_left(deadline))
        if context is not None:
            found = context.wrap_socket(found, server_hostname=host)
    except BaseException:
        found.close()
        raise
    now = time.monotonic()
    return Connection(found, now, now)


def _reached(host: str, port: int, deadline: float) -> socket.socket:
    """By the first of its addresses that takes it; the time is that of all together."""
    error = OSError()
    for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return socket.create_connection((str(place[0]), port), _left(deadline))
        except OSError as refused:
            error = refused
    raise error


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _headers(asked: Asked) -> list[tuple[str, str]]:
    kind = "application/x-git-upload-pack"
    given = {
        "Host": asked.authority,
        "User-Agent": _AGENT,
        "Accept": f"{kind}-result",
        "Cache-Control": "no-cache",
        "Content-Type": f"{kind}-request",
        "Content-Length": str(len(asked.body)),
        "Git-Protocol": "version=2",
    }
    secret = {} if asked.authorization is None else {"Authorization": asked.authorization}
    return list({**given, **secret}.items())


def _check(head: h11.Response) -> None:
    """Raises Refused for anything but a fresh answer of git's own type, as long as it says."""
    said = head.headers.raw_items()
    names = [name.lower() for name, _ in said]
    values = {name.lower(): value for name, value in said}
    is_one = all(
        names.count(name) <= 1 for name in (b"content-type", b"content-length", b"transfer-encoding")
    )
    has_end = (b"content-length" in values) != (b"transfer-encoding" in values)
    is_plain = not values.keys() & {b"content-encoding", b"content-range", b"age"}
    kind = values.get(b"content-type")
    is_ours = head.status_code == 200 and kind == b"application/x-git-upload-pack-result"
    if not (is_one and has_end and is_plain and is_ours and head.http_version == b"1.1"):
        raise Refused


def _is_basic(head: h11.Response) -> bool:
    """Whether a password is wanted, and no ticket."""
    offered = [value.lower() for name, value in head.headers if name == b"www-authenticate"]
    words = b" ".join(offered).replace(b",", b" ").split()
    others = any(word in (b"negotiate", b"ntlm", b"digest") for word in words)
    return b"basic" in words and not others
