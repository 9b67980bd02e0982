"""The network between the hosts and what they share: a cable for each host, and addresses that can be cut off by themselves."""

import asyncio
import fcntl
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

_ALONE = Path("/run/envmgr-chaos-hosts.lock")


class Service(StrEnum):
    """What all hosts need; its value is the address under which they know it."""

    DATABASE = "10.213.0.11"
    STATE = "10.213.0.12"
    GIT = "10.213.0.13"


def why_absent() -> str:
    """Why there can be no such network here, as a sentence; empty where there can."""
    probe = ["unshare", "-n", "-u", "-p", "-m", "--fork", "--mount-proc", "ip", "link", "set", "lo", "up"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return f"{error.filename} is absent: tests/support/install-parts"
    return f"No namespaces can be made here: {done.stderr.strip()}" if done.returncode else ""


@contextmanager
def served(ports: Mapping[Service, int]) -> Iterator[None]:
    """Gives each service, which listens on a loopback port, its address, under the same port.

    There is one such network on a machine: another campaign's end is waited for.
    """
    with _ALONE.open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        for service in ports:
            ip("addr", "replace", f"{service}/32", "dev", "lo")
        try:
            with _forwarding(ports):
                yield
        finally:
            for service in ports:
                ip("addr", "del", f"{service}/32", "dev", "lo")


class Cable:
    """What joins host number `number`, whose first process is `init`, to the services. It goes with the host."""

    def __init__(self, number: int, init: int) -> None:
        """Lay it."""
        self._init = init
        name, here, there = f"envmgr{number}", f"10.213.{number}.1", f"10.213.{number}.2"
        self._nowhere = f"10.213.{number}.99"
        with suppress(subprocess.CalledProcessError):  # of a host that died a moment ago
            ip("link", "del", name)
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(init))
        ip("addr", "add", f"{here}/24", "dev", name)
        ip("link", "set", name, "up")
        self._within("addr", "add", f"{there}/24", "dev", "eth0")
        self._within("link", "set", "lo", "up")
        self._within("link", "set", "eth0", "up")
        self._within("route", "add", "default", "via", here)
        self._within(
            "neigh", "add", self._nowhere, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent"
        )

    def cut(self, service: Service) -> None:
        """What the host sends there goes nowhere from now on, in silence, also over connections that are open."""
        self._within("route", "replace", f"{service}/32", "via", self._nowhere, "dev", "eth0", "onlink")

    def mend(self, service: Service) -> None:
        """Undo that."""
        self._within("route", "del", f"{service}/32")

    def _within(self, *arguments: str) -> None:
        command = ["nsenter", "-t", str(self._init), "-n", "ip", *arguments]
        subprocess.run(command, check=True, capture_output=True)


def ip(*arguments: str) -> None:
    """Runs `ip`; CalledProcessError where it refuses."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def _forwarding(ports: Mapping[Service, int]) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    writers = set[asyncio.StreamWriter]()
    servers = [
        asyncio.run_coroutine_threadsafe(_listen(service, port, writers), loop).result()
        for service, port in ports.items()
    ]
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_end(servers, writers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(servers: Iterable[asyncio.Server], writers: Iterable[asyncio.StreamWriter]) -> None:
    """Ends all: a connection that is left open would be told of in whatever trial comes next."""
    for server in servers:
        server.close()
    await asyncio.sleep(0.1)  # so that who was just accepted is served, and known
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for writer in writers:
        writer.transport.abort()
    # What was aborted, and what was accepted just before, is closed in the next turns of the loop.
    await asyncio.sleep(0.1)


async def _listen(service: Service, port: int, writers: set[asyncio.StreamWriter]) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            back, on = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        writers.add(on)
        with suppress(asyncio.CancelledError):  # at the end of all, which nobody has to be told of
            await asyncio.gather(_pipe(reader, on), _pipe(back, writer))
        writers.difference_update((writer, on))

    return await asyncio.start_server(serve, str(service), port)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
