"""Connections that are kept for the next look: each serves one origin, one set of authorities and one password."""

import select
import ssl
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import h11

from .exchange import Asked, Connection, connect

_IDLE = 55.0  # seconds; servers close most of theirs after 60
_OLDEST = 300.0  # a name may mean another server by then
_MOST = 128


@dataclass(frozen=True, slots=True)
class Key:
    """What a connection is for: nothing that differs in any of it uses the same one."""

    host: str
    port: int
    authorities: Path | None
    login: tuple[str, str] | None = field(repr=False)


class Kept:
    """Connections that nobody uses at the moment."""

    def __init__(self) -> None:
        """With none yet; all are closed with this."""
        self._idle: dict[Key, list[Connection]] = {}
        self._contexts: dict[Path, tuple[tuple[int, int, int], ssl.SSLContext]] = {}
        self._lock = Lock()
        weakref.finalize(self, _close_all, self._idle)

    def ask(self, key: Key, asked: Asked, deadline: float) -> bytes | None:
        """As `Connection.ask`, over a connection that was kept or a new one.

        One that was kept may end before it answers: then a new one is asked once more, as a question changes nothing.
        """
        if (kept := self._take(key)) is not None:
            try:
                return self._over(kept, key, asked, deadline)
            except (OSError, h11.ProtocolError):
                # Something came in answer before it broke: that is no connection which had merely ended
                # meanwhile.
                if not kept.is_silent:
                    raise
        context = None if key.authorities is None else self._context(key.authorities)
        return self._over(connect(key.host, key.port, context, deadline), key, asked, deadline)

    def _over(self, connection: Connection, key: Key, asked: Asked, deadline: float) -> bytes | None:
        is_kept = False
        try:
            answer = connection.ask(asked, deadline)
            is_kept = connection.goes_on() and self._put(key, connection)
        finally:
            if not is_kept:
                connection.socket.close()
        return answer

    def _take(self, key: Key) -> Connection | None:
        with self._lock:
            self._clear(time.monotonic())
            idle = self._idle.get(key)
            while idle:
                connection = idle.pop()
                if _is_quiet(connection):
                    return connection
                connection.socket.close()
        return None

    def _put(self, key: Key, connection: Connection) -> bool:
        with self._lock:
            if sum(map(len, self._idle.values())) >= _MOST:
                return False
            self._idle.setdefault(key, []).append(connection)
            return True

    def _clear(self, now: float) -> None:
        for key, idle in list(self._idle.items()):
            for connection in [c for c in idle if now - c.used > _IDLE or now - c.made > _OLDEST]:
                idle.remove(connection)
                connection.socket.close()
            if not idle:
                del self._idle[key]

    def _context(self, authorities: Path) -> ssl.SSLContext:
        """Trusts these alone; read again where the file was written to."""
        about = authorities.stat()
        state = (about.st_mtime_ns, about.st_size, about.st_ino)
        with self._lock:
            known = self._contexts.get(authorities)
            if known is None or known[0] != state:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(authorities)
                context.set_alpn_protocols(["http/1.1"])
                self._contexts[authorities] = known = (state, context)
            return known[1]


def _is_quiet(connection: Connection) -> bool:
    """Whether nothing came since: what comes unasked is an end, or no answer to what will be asked."""
    poller = select.poll()
    poller.register(connection.socket, select.POLLIN)
    return not poller.poll(0)


def _close_all(idle: dict[Key, list[Connection]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.socket.close()
