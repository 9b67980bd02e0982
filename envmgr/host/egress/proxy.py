"""The proxy of one cage: a small process on the host's network, which ends with what runs in the cage.

It is started by `way` (network.py) and imports little: each cage that reaches something has one. It is told of the socket that it
listens on by the cage itself: made in there, where nothing else is to be reached, and handed out over a socket pair.
Its other end is inherited by all that runs in the cage, so that its end tells of theirs, whatever becomes of envmgr.
"""

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from envmgr.domain.rules.egress import Refusal, Target, Way, Why, is_listed, open_addresses, target_of

Resolve = Callable[[Target], Awaitable[Sequence[str]]]

_HEADER = 8192
_HEADER_SECONDS = 15.0
_LOOKUP_SECONDS = 15.0
_CONNECT_SECONDS = 10.0
_QUIET_SECONDS = 900.0
_CONNECTIONS = 256
_CHUNK = 16384
_RECORDED = 200
_STATUS = {Why.NO_SUCH_NAME: 502, Why.NO_ANSWER: 504, Why.NOT_CONNECT: 405, Why.TOO_MANY: 503}


class Proxy:
    """Leads connections where they may go, and notes where they may not."""

    def __init__(self, way: Way, record: Path, resolve: Resolve | None = None) -> None:
        """`record` is the file of what was refused, a JSON object in each line."""
        self._way = way
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

    async def _reached(self, target: Target) -> Why | tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to an address that was checked: looked up a second time, a name may stand for another."""
        if not is_listed(target, self._way):
            return Why.NOT_LISTED
        try:
            addresses = await asyncio.wait_for(self._resolve(target), _LOOKUP_SECONDS)
        except (OSError, UnicodeError):
            return Why.NO_SUCH_NAME
        checked = open_addresses(addresses, self._way)
        if not checked:
            return Why.NOT_PUBLIC
        for address in checked:
            with suppress(OSError):
                opening = asyncio.open_connection(address, target.port, limit=_CHUNK)
                return await asyncio.wait_for(opening, _CONNECT_SECONDS)
        return Why.NO_ANSWER

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


async def _until_its_end(proxy: Proxy, control: socket.socket, listening: socket.socket) -> None:
    def told() -> None:
        """Nothing that is said from in there counts, only that nobody is there any more."""
        with suppress(BlockingIOError):
            if not _said(control):
                os._exit(0)  # at once: there is nobody left to be told anything

    control.setblocking(False)
    asyncio.get_running_loop().add_reader(control, told)
    server = await proxy.serve(listening)
    await server.serve_forever()


def _said(control: socket.socket) -> bytes:
    try:
        return control.recv(_CHUNK)
    except ConnectionError:
        return b""


def main() -> None:
    """The process: descriptor of the socket pair, what may be reached, and where refusals are kept, as arguments."""
    descriptor, way, record = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    control = socket.socket(fileno=int(descriptor))
    _, descriptors, *_ = socket.recv_fds(control, 1, 1)
    if not descriptors:
        return  # the cage never came to be
    given = json.loads(way)
    names = None if given["names"] is None else tuple(given["names"])
    proxy = Proxy(Way(names=names, networks=tuple(given["networks"])), Path(record))
    asyncio.run(_until_its_end(proxy, control, socket.socket(fileno=descriptors[0])))
