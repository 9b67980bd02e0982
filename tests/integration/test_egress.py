"""The proxy of a cage: what it leads where, what it refuses, what it stands, and when it ends."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from envmgr.domain.rules.egress import Target, Way
from envmgr.domain.values.cage import Network, Reach
from envmgr.host.cage import network
from envmgr.host.egress import proxy as proxies
from envmgr.host.egress.proxy import Proxy
from tests.integration.outage import wait_for

LOOPBACK = ("127.0.0.0/8",)


class Echo:
    """Sends back what it is sent, to the end of that, and then `more`."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listening.getsockname()[1]
        self.came = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    @staticmethod
    def _answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.sendall(b"after its end")


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.listening.close()


class Running:
    """A proxy in a thread, with names of its own."""

    def __init__(self, way: Way, record: Path, names: Callable[[str], Sequence[str]]) -> None:
        self.record = record
        self.asked: list[str] = []
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listening.getsockname()[1]

        async def resolve(target: Target) -> Sequence[str]:
            self.asked.append(target.host)
            return names(target.host)

        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            async with await Proxy(way, record, resolve).serve(listening):
                await self.over
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait([*others, asyncio.ensure_future(asyncio.sleep(0.01))], timeout=10)
            await asyncio.sleep(0.01)  # sockets are closed a round later

        self.loop = asyncio.new_event_loop()
        self.over: asyncio.Future[None] = self.loop.create_future()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(serve(),), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set_result, None)
        self._thread.join(10)
        self.loop.close()

    @property
    def refused(self) -> list[tuple[str, str]]:
        found = map(json.loads, self.record.read_text().splitlines()) if self.record.exists() else ()
        return [(line["target"], line["why"]) for line in found]


def ask(port: int, target: str) -> tuple[socket.socket, str]:
    """A connection through a proxy, and the status line of its answer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return connection, head_of(connection)


def head_of(connection: socket.socket) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            break
        head += part
    return head.decode().partition("\r\n")[0]


def answers_to(port: int, target: str) -> str:
    """The status line alone."""
    connection, status = ask(port, target)
    connection.close()
    return status


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:

        def start(
            names: Sequence[str] | None,
            found: Callable[[str], Sequence[str]],
            networks: Sequence[str] = LOOPBACK,
        ) -> Running:
            way = Way(names=None if names is None else tuple(names), networks=tuple(networks))
            return stack.enter_context(closing(Running(way, tmp_path / "1.log.refused", found)))

        yield start


def test_a_listed_name_is_led_to_and_all_others_are_refused(
    started: Callable[..., Running], echo: Echo
) -> None:
    running = started([f"*.example:{echo.port}"], lambda _: ["127.0.0.1"])
    connection, status = ask(running.port, f"echo.example:{echo.port}")
    with connection:
        assert status == "HTTP/1.1 200 Connection established"
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"
    for _ in range(3):
        connection, status = ask(running.port, "evil.example:443")
        connection.close()
        assert status == "HTTP/1.1 403 refused evil.example:443; add it to cage.network.allow"
    assert running.refused == [("evil.example:443", "not-listed")], "once, however often it is asked for"
    assert running.asked == ["echo.example"], "what is not listed is not even looked up"
    assert running.record.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
)
@pytest.mark.parametrize("names", [None, ["inside.example:443"]])
def test_a_name_that_leads_inside_is_refused(
    started: Callable[..., Running], address: str, names: list[str] | None
) -> None:
    running = started(names, lambda _: [address], networks=())
    connection, status = ask(running.port, "inside.example:443")
    connection.close()
    assert status.startswith("HTTP/1.1 403 refused inside.example:443, which leads to no public address")
    assert running.refused == [("inside.example:443", "not-public")]


def test_an_address_in_the_place_of_a_name_is_one(started: Callable[..., Running]) -> None:
    running = started(None, lambda host: [host], networks=())
    for target in ("169.254.169.254:80", "[::1]:443", "[fd00:ec2::254]:80"):
        connection, status = ask(running.port, target)
        connection.close()
        assert " 403 " in status
    assert {why for _, why in running.refused} == {"not-public"}


def test_what_is_connected_to_is_what_was_checked(started: Callable[..., Running], echo: Echo) -> None:
    """A name that says something else when it is asked again is asked once."""
    answers = iter([["10.9.9.9", "127.0.0.1"], ["169.254.169.254"]])
    running = started(None, lambda _: next(answers))
    connection, status = ask(running.port, f"rebinding.example:{echo.port}")
    with connection:
        assert " 200 " in status
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    assert running.asked == ["rebinding.example"]


def test_a_name_that_nobody_knows_and_a_server_that_is_away_are_told_apart(
    started: Callable[..., Running],
) -> None:
    def found(host: str) -> Sequence[str]:
        if host == "unknown.example":
            raise socket.gaierror
        return ["127.0.0.1"]

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = started(None, found)
    answers = [ask(running.port, f"{host}:{port}") for host in ("unknown.example", "away.example")]
    for connection, _ in answers:
        connection.close()
    assert [status.split(" ")[1] for _, status in answers] == ["502", "504"]


@pytest.mark.parametrize(
    "line", ["GET http://a.example/ HTTP/1.1", "CONNECT a..b:1 HTTP/1.1", "CONNECT", "\0", ""]
)
def test_what_is_no_connect_is_refused(started: Callable[..., Running], line: str) -> None:
    running = started(None, lambda _: ["127.0.0.1"])
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        connection.sendall(f"{line}\r\n\r\n".encode())
        assert head_of(connection).startswith("HTTP/1.1 405 refused what is no CONNECT")


def goes_on(connection: socket.socket, piece: bytes, pause: float) -> bool:
    """Whether what is sent piece by piece is still taken after ten seconds."""
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("piece", "pause"), [(b"X-Long: " + b"x" * 10_000, 0.001), (b"a", 0.1)])
def test_a_header_without_end_and_one_that_drips_are_cut(
    started: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, piece: bytes, pause: float
) -> None:
    monkeypatch.setattr(proxies, "_HEADER_SECONDS", 1.0)
    running = started(None, lambda _: ["127.0.0.1"])
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        assert not goes_on(connection, piece, pause)


def test_one_direction_may_end_before_the_other(started: Callable[..., Running], echo: Echo) -> None:
    running = started(None, lambda _: ["127.0.0.1"])
    connection, _ = ask(running.port, f"echo.example:{echo.port}")
    with connection:
        connection.sendall(b"x" * 300_000)
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while part := connection.recv(65536):
            got += part
    assert got == b"x" * 300_000 + b"after its end"


@pytest.fixture
def process(tmp_path: Path, echo: Echo) -> Iterator[tuple[int, int, socket.socket]]:
    """The proxy as it is really started, outside a cage: its PID, its port, and what its end hangs on."""
    inside, outside = socket.socketpair()
    record = tmp_path / "1.log.refused"
    reached = Network(reach=Reach.LISTED, allow=(f"{socket.gethostname()}:{echo.port}",), networks=LOOPBACK)
    with outside:
        network._start(reached, record, outside.fileno())
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        port = listening.getsockname()[1]
        socket.send_fds(inside, [b"0"], [listening.fileno()])
    yield pid_of(str(record)), port, inside
    inside.close()


def pid_of(record: str) -> int:
    """The process that has this record as its argument."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # ended meanwhile, or no process
            if f"{record}\0".encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
    raise AssertionError("the proxy does not run")


def test_a_thousand_connections_are_stood_in_little_memory(
    process: tuple[int, int, socket.socket], echo: Echo
) -> None:
    """More than it takes at once are told so, and it goes on."""
    pid, port, _ = process
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    target = f"{socket.gethostname()}:{echo.port}"
    try:
        with ExitStack() as stack:
            connections = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
                for _ in range(1000)
            ]
            for connection in connections:
                connection.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            answers = [head_of(connection).split(" ")[1] for connection in connections]
            for connection in connections[:100]:
                connection.sendall(b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(answers) == {"200", "503"}
    assert answers.count("200") >= 200
    status = Path(f"/proc/{pid}/status").read_text()
    highest = int(status.partition("VmHWM:")[2].split()[0])
    assert highest < 30 * 1024, f"{highest} KiB"
    wait_for(lambda: answers_to(port, target).endswith("established"))


def test_it_ends_with_what_it_is_for(process: tuple[int, int, socket.socket]) -> None:
    """And is nobody's child, has none of our variables, and no folder of ours."""
    pid, _, inside = process
    assert int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) != os.getpid()
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert {variable.partition(b"=")[0] for variable in variables} <= {b"", b"PATH", b"PWD"}
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    inside.close()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_what_enters_a_cage_needs_nothing_of_envmgr() -> None:
    """It is started by its path, by a Python that has no packages; what comes after it has the signals as they are usual."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-I", "-S", network._ENTER, str(theirs.fileno()), str(port), "sh", "-c",
             "grep SigIgn /proc/self/status; exit 7"],
            pass_fds=[theirs.fileno()], capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        _, descriptors, *_ = socket.recv_fds(ours, 1, 1)
        for descriptor in descriptors:
            os.close(descriptor)
    assert (done.returncode, len(descriptors)) == (7, 1), done.stderr
    assert int(done.stdout.split()[1], 16) & (1 << 12) == 0
