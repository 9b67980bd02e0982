"""The server itself: real sockets, real clients, slow ones too, and a daemon beside it."""

import http.client
import json
import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.commands import tokens
from envmgr.commands.runtime import Runtime
from envmgr.commands.tokens import Wish
from envmgr.config.settings import ServerSettings
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import EnvironmentId
from envmgr.web import limits, server
from envmgr.web.server import Server
from tests.support.certificates import make_certificates
from tests.support.in_memory.world import World
from tests.support.waiting import stopwatch


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    """An envmgr with nothing in it."""
    return World(tmp_path).person.application


@pytest.fixture
def serving() -> Iterator[Server]:
    """A server, which ends with the test."""
    found = Server()
    yield found
    found.close()


def served(serving: Server, runtime: Runtime, **settings: object) -> Runtime:
    """Has it serve."""
    at = replace(ServerSettings(listen="127.0.0.1:0"), **settings)  # type: ignore[arg-type]
    runtime = replace(runtime, server=at)
    serving.reconfigure(runtime)
    return runtime


def asked(connection: http.client.HTTPConnection, path: str = "/healthz") -> tuple[int, bytes]:
    """What it answers."""
    with closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_it_answers_until_it_is_closed(serving: Server, runtime: Runtime) -> None:
    """And again by other settings; without any it does not listen."""
    runtime = served(serving, runtime)
    address = serving.address
    assert asked(http.client.HTTPConnection(address)) == (200, b"alive\n")
    serving.reconfigure(runtime)
    assert serving.address == address, "what did not change is left alone"
    served(serving, runtime, requests=5)
    assert asked(http.client.HTTPConnection(serving.address))[0] == 200
    serving.reconfigure(replace(runtime, server=None))
    assert serving.address == ""
    with pytest.raises(ConnectionRefusedError):
        asked(http.client.HTTPConnection(address))


def test_a_head_leaves_the_connection_to_the_next_request(serving: Server, runtime: Runtime) -> None:
    """What follows on it is an answer of its own, not the body of the first; nor does a stream hold it."""
    secret, _ = tokens.create(runtime, Wish(name="ci", role=Role.VIEWER, organization="acme"))
    served(serving, runtime)
    headers = {"Authorization": f"Bearer {secret}"}
    with closing(http.client.HTTPConnection(serving.address, timeout=20)) as connection:
        for path, status in (("/healthz", 200), ("/api/v1/events?follow=true", 200), ("/nothing", 404)):
            connection.request("HEAD", path, headers=headers)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, b"")
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"alive\n"


def test_a_socket_has_its_mode_and_a_dead_ones_place(
    serving: Server, runtime: Runtime, tmp_path: Path
) -> None:
    """One that another listens on is left to it."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    served(serving, runtime, listen=f"unix:{path}", socket_mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in connection.recv(4096)
    other = Server()
    served(other, runtime, listen=f"unix:{path}")
    assert other.address == ""
    serving.close()
    assert not path.exists()
    path.write_text("mine")
    served(other, runtime, listen=f"unix:{path}")
    assert (other.address, path.read_text()) == ("", "mine")


def test_a_socket_is_left_to_who_has_no_room_for_one_more(
    serving: Server, runtime: Runtime, tmp_path: Path
) -> None:
    """Whoever is busy does not answer at once, and listens all the same."""
    path = tmp_path / "s"
    with ExitStack() as opened:
        busy = opened.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(path))
        busy.listen(0)
        while True:
            waiting = opened.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            if waiting.connect_ex(str(path)) != 0:
                break
        before = path.stat().st_ino
        served(serving, runtime, listen=f"unix:{path}")
        assert serving.address == ""
        assert path.stat().st_ino == before


def test_a_socket_that_another_took_meanwhile_stays(
    serving: Server, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends listens no more long before it is over: its place may be taken by then."""
    path, other, wait = tmp_path / "s", Server(), threading.Thread.join

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        wait(thread, timeout)
        if thread.name == "server" and not other.address:
            served(other, runtime, listen=f"unix:{path}")

    served(serving, runtime, listen=f"unix:{path}")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", join)
        serving.close()
    assert other.address == f"unix:{path}"
    assert path.exists()
    other.close()


def test_a_place_that_is_taken_ends_nothing(serving: Server, runtime: Runtime) -> None:
    """It is tried again with the next look."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        found = served(serving, runtime, listen=listen)
        assert serving.address == ""
    serving.reconfigure(found)
    assert serving.address == listen


def test_who_sends_no_head_is_not_waited_for(
    serving: Server, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that comes byte by byte; others are answered meanwhile."""
    monkeypatch.setattr(server, "_HEADERS", 0.5)
    served(serving, runtime)
    host, port = serving.address.split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"GET /healthz HT")
        assert asked(http.client.HTTPConnection(serving.address))[0] == 200
        seconds = stopwatch()
        with suppress(OSError):
            while slow.recv(10):
                pass
        assert seconds() < 5


def test_who_sends_half_a_body_is_told_and_let_go(
    serving: Server, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often she sends one more byte of it."""
    monkeypatch.setattr(server, "_HEADERS", 0.5)
    monkeypatch.setattr(limits, "PATIENCE", 0.5)
    secret, _ = tokens.create(runtime, Wish(name="ci", role=Role.ADMIN, organization="acme"))
    served(serving, runtime)
    host, port = serving.address.split(":")
    with socket.create_connection((host, int(port)), timeout=0.1) as slow:
        slow.sendall(
            b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9999\r\nAuthorization: Bearer " + secret.encode() + b"\r\n\r\n{"
        )
        said, end = b"", time.monotonic() + 120
        with suppress(ConnectionError):
            while time.monotonic() < end:
                slow.sendall(b" ")
                with suppress(TimeoutError):
                    piece = slow.recv(4096)
                    if not piece:
                        break
                    said += piece
        assert time.monotonic() < end
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"application/problem+json" in said


def is_broken(connection: socket.socket) -> bool:
    """Whether nobody is at its other end, after a moment."""
    time.sleep(0.25)
    try:
        connection.send(b"G")
    except ConnectionError:
        return True
    return False


def test_who_takes_nothing_of_what_is_sent_is_let_go(
    serving: Server, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She needs no token for that: the documentation is for anybody."""
    monkeypatch.setattr(server, "_TAKEN", 0.5)
    served(serving, runtime)
    host, port = serving.address.split(":")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((host, int(port)))
        slow.sendall(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
        assert any(is_broken(slow) for _ in range(40))


def test_it_serves_by_its_own_certificate(serving: Server, runtime: Runtime, tmp_path: Path) -> None:
    """One that cannot be read is told, and ends nothing."""
    served(serving, runtime, certificate=("/nowhere.pem", "/nowhere.key"))
    assert serving.address == ""
    files = make_certificates(tmp_path, ["localhost"], "127.0.0.1")
    served(serving, runtime, certificate=(str(files.chain), str(files.key)))
    context = ssl.create_default_context(cafile=str(files.authority))
    _, port = serving.address.split(":")
    assert asked(http.client.HTTPSConnection("localhost", int(port), context=context))[0] == 200


def test_events_are_told_as_they_happen(serving: Server, runtime: Runtime) -> None:
    """To each who may see them, from where she was."""
    secret, _ = tokens.create(runtime, Wish(name="ci", role=Role.VIEWER, organization="acme"))
    runtime = served(serving, runtime)
    store = runtime.services.store
    connection = http.client.HTTPConnection(serving.address, timeout=100)
    headers = {"Authorization": f"Bearer {secret}", "Last-Event-ID": "0"}
    connection.request("GET", "/api/v1/events?follow=1", headers=headers)
    answer = connection.getresponse()
    assert answer.readline() == b"retry: 1000\n"
    alice = EnvironmentId("acme", "shop", "alice")
    for number in range(3):
        place, at = None if number == 1 else alice, runtime.services.clock()
        store.record(Event(at=at, environment=place, action="x", message=f"n{number}", actor="daemon"))
    told = list[str]()
    while len(told) < 2:
        line = answer.readline()
        if line.startswith(b"data: "):
            told.append(json.loads(line[6:])["message"])
    assert told == ["n0", "n2"], "what is of no environment is for who is on the host"
    connection.close()
