"""A thousand streams of one process at once: half of them read, the other half take nothing of what they asked for."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envmgr.commands import tokens
from envmgr.commands.tokens import Wish
from envmgr.config.settings import ServerSettings
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import ProcessId, Run, RunKind, RunStatus
from envmgr.domain.values.names import EnvironmentId
from envmgr.web.live.stream import MOST, OF_ONE
from envmgr.web.server import Server
from tests.support.in_memory.world import World
from tests.support.waiting import stopwatch

THERE, COME = 12_000, 20
_LINE = "a line that was there before anybody came, as long as such lines are {}\n"
_MOST_MEMORY = 150.0


@dataclass
class Place:
    """A socket that is served, a run that goes on and its log, and tokens of several people."""

    socket: str
    world: World
    run: Run
    log: Path
    secrets: list[str]

    def head(self, number: int, begin: int) -> bytes:
        """What one asks who follows the log from a place on."""
        secret = self.secrets[number % len(self.secrets)]
        return (
            f"GET /api/v1/runs/{self.run.id}/log?follow=1 HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {secret}\r\nLast-Event-ID: {begin}\r\n\r\n"
        ).encode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Served for the length of a test, on a socket: its buffers are small, so that who reads nothing is found out soon."""
    world, path = World(tmp_path), tmp_path / "s"
    runtime, store = world.person.application, world.store
    now, owner = datetime.now(UTC), ProcessId("host", "boot", 1, 1)
    identity = EnvironmentId("acme", "shop", "alice")
    run = store.start_run(identity, RunKind.APPLY, "c" * 40, owner, "daemon", now, lambda n: f"logs/{n}.log")
    log = runtime.services.layout.root / run.log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(_LINE.format(number) for number in range(THERE)))
    wishes = [Wish(name=f"t{number}", role=Role.VIEWER) for number in range(MOST // OF_ONE + 2)]
    secrets = [tokens.create(runtime, wish)[0] for wish in wishes]
    server = Server()
    server.reconfigure(replace(runtime, server=ServerSettings(listen=f"unix:{path}", requests=1_000_000)))
    yield Place(str(path), world, run, log, secrets)
    server.close()


def test_a_thousand_follow_one_log(place: Place) -> None:
    """Each who reads has every line once, to the end; who reads nothing holds up nobody, and holds little memory."""
    readers, memory, refused, soonest = asyncio.run(_play(place))
    for told in readers:
        assert [line["line"] for line in told if "line" in line] == [f"come {n}" for n in range(COME)]
        assert told[-1] == {"run": place.run.id, "status": "succeeded"}
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert soonest < 2.0
    assert memory < _MOST_MEMORY, f"{memory:.0f} MiB for {MOST} streams and all who asked for them"


async def _play(place: Place) -> tuple[list[list[dict[str, object]]], float, bytes, float]:
    begin, before, loop = place.log.stat().st_size, _resident_mib(), asyncio.get_running_loop()

    async def asked(request: bytes) -> tuple[bytes, socket.socket]:
        """The beginning of an answer; the rest of it is not read."""
        async with gate:
            connection = closing.enter_context(socket.socket(socket.AF_UNIX))
            connection.setblocking(False)
            await loop.sock_connect(connection, place.socket)
            await loop.sock_sendall(connection, request)
            return await loop.sock_recv(connection, 13), connection

    with ExitStack() as closing:
        gate = asyncio.Semaphore(50)
        idle = await asyncio.gather(*(asked(place.head(n, 0)) for n in range(MOST // 2)))
        reading = await asyncio.gather(*(asked(place.head(n, begin)) for n in range(MOST // 2, MOST)))
        assert {said for said, _ in [*idle, *reading]} == {b"HTTP/1.1 200 "}
        all_told = asyncio.gather(*(_told(connection) for _, connection in reading))
        refused, _ = await asked(place.head(MOST, begin))
        for number in range(COME):
            with place.log.open("a") as file:
                file.write(f"come {number}\n")
            await asyncio.sleep(0.02)
        seconds = stopwatch()
        assert (await asked(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == b"HTTP/1.1 200 "
        soonest = seconds()
        place.world.store.finish_run(place.run.id, RunStatus.SUCCEEDED, datetime.now(UTC))
        return await all_told, _resident_mib() - before, refused, soonest


async def _told(connection: socket.socket) -> list[dict[str, object]]:
    """What a stream says, to its end."""
    text = b""
    while not text.endswith(b"\r\n0\r\n\r\n"):
        piece = await asyncio.get_running_loop().sock_recv(connection, 1 << 15)
        assert piece, text
        text += piece
    return [json.loads(each) for each in re.findall(rb"^data: (.*)$", text, re.MULTILINE)]


def _resident_mib() -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
