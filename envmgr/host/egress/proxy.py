"""The proxy of one cage: a small process on the host's network, which ends with what runs in the cage.

It is forked by the launcher and imports little: each cage that reaches something has one. It listens inside the cage,
where nothing else is to be reached, and connects outside. It ends with the cage, whatever becomes of envmgr.
"""

import asyncio
import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from envmgr.domain.rules.network.egress import Refusal, Route, Target, Way, Why, is_listed, route, target_of
from envmgr.domain.rules.network.networks import ends
from envmgr.domain.rules.network.upstream import Upstream

from .own import is_own

Resolve = Callable[[Target], Awaitable[Sequence[str]]]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_HEADER = 8192
_HEADER_SECONDS = 15.0
_LOOKUP_SECONDS = 15.0
_LOOKUP_SECONDS_BESIDE = 4.0  # beside a proxy that may be the only one to know any names
_CONNECT_SECONDS = 10.0
_UPSTREAM_SECONDS = 60.0  # it looks up and connects in its turn
_IS_LED = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9]\b")
_QUIET_SECONDS = 900.0
_CONNECTIONS = 256
_CHUNK = 16384
_RECORDED = 200
_STATUS = {
    Why.NO_SUCH_NAME: 502,
    Why.UPSTREAM: 502,
    Why.NO_ANSWER: 504,
    Why.NOT_CONNECT: 405,
    Why.TOO_MANY: 503,
}


class Proxy:
    """Leads connections where they may go, and notes where they may not."""

    def __init__(
        self, way: Way, record: Path, resolve: Resolve | None = None, upstream: Upstream | None = None
    ) -> None:
        """`record` is the file of what was refused, a JSON object in each line; `upstream` the host's own proxy."""
        self._way = way
        self._upstream = upstream
        self._record = record
        self._resolve = resolve or _look_up
        self._recorded: set[Refusal] = set()
        self._connections = 0

    async def serve(self, listening: socket.socket) -> asyncio.Server:
        """Answers from here on."""
        return await asyncio.start_server(self._answer, sock=listening, limit=_HEADER)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                if self._connections >= _CONNECTIONS:  # unread: each that waits takes memory
                    await self._refuse(writer, Refusal("", Why.TOO_MANY))
                    return
                with self._counted():
                    await self._lead(reader, writer)
        finally:
            writer.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._connections += 1
        try:
            yield
        finally:
            self._connections -= 1

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEADER_SECONDS)
        method, text, *_ = [*header.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
        target = target_of(text) if method == "CONNECT" else None
        if target is None:
            await self._refuse(writer, Refusal("", Why.NOT_CONNECT))
            return
        found = await self._reached(target)
        if isinstance(found, Why):
            await self._refuse(writer, Refusal(str(target), found))
            return
        there, onwards = found
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_carry(reader, onwards), _carry(there, writer))
        finally:
            onwards.close()

    async def _reached(self, target: Target) -> Why | Connection:
        """A connection to an address that was checked: looked up a second time, a name may stand for another."""
        if not is_listed(target, self._way):
            return Why.NOT_LISTED
        addresses = await self._addresses(target)
        own = {each for each in addresses or () if any(map(is_own, ends(each)))}  # now: it may come and go
        found = route(target, self._way, addresses, self._upstream, own)
        return found if isinstance(found, Why) else await self._opened(found)

    async def _addresses(self, target: Target) -> Sequence[str] | None:
        patience = _LOOKUP_SECONDS if self._upstream is None else _LOOKUP_SECONDS_BESIDE
        try:
            return await asyncio.wait_for(self._resolve(target), patience)
        except (OSError, UnicodeError):
            return None

    async def _opened(self, found: Route) -> Why | Connection:
        for address in found.addresses:
            with suppress(OSError):
                opening = asyncio.open_connection(address.host, address.port, limit=_CHUNK)
                connection = await asyncio.wait_for(opening, _CONNECT_SECONDS)
                return connection if found.asked is None else await self._asked(connection, found.asked)
        return Why.NO_ANSWER

    async def _asked(self, connection: Connection, target: Target) -> Why | Connection:
        """Asks the host's own proxy, which is at the other end, to lead there."""
        reader, writer = connection
        authorization = self._upstream.authorization if self._upstream else ""
        told = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{told}\r\n".encode())
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _UPSTREAM_SECONDS)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            head = b""
        if _IS_LED.match(head):
            return connection
        writer.close()
        return Why.UPSTREAM if head else Why.NO_ANSWER

    async def _refuse(self, writer: asyncio.StreamWriter, refusal: Refusal) -> None:
        """The reason is in the status line, which most programs show."""
        self._note(refusal)
        head = f"HTTP/1.1 {_STATUS.get(refusal.why, 403)} {refusal}"
        writer.write(f"{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode("latin-1"))
        await asyncio.wait_for(writer.drain(), _HEADER_SECONDS)

    def _note(self, refusal: Refusal) -> None:
        if refusal in self._recorded or len(self._recorded) >= _RECORDED:
            return
        self._recorded.add(refusal)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with suppress(OSError), os.fdopen(os.open(self._record, flags, 0o600), "a") as file:
            file.write(f"{json.dumps(refusal.to_json())}\n")


async def _look_up(target: Target) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction to its end, which is passed on: the other may go on. What stays quiet for long is ended."""
    writer.transport.set_write_buffer_limits(_CHUNK)
    while data := await asyncio.wait_for(reader.read(_CHUNK), _QUIET_SECONDS):
        writer.write(data)
        await asyncio.wait_for(writer.drain(), _QUIET_SECONDS)
    with suppress(OSError):
        writer.write_eof()


async def serve_until(over: int, proxy: Proxy, listening: socket.socket) -> None:
    """Serves until a descriptor can be read, by which the end of all that needs the proxy is told; does not return then."""
    # At once: there is nobody left to be told anything.
    asyncio.get_running_loop().add_reader(over, os._exit, 0)
    server = await proxy.serve(listening)
    await server.serve_forever()
