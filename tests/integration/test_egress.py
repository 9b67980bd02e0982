"""The proxy of a cage: what it leads where, what it refuses, what it stands, and when it ends."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.cage import confine
from envmgr.domain.rules.network.egress import Target, Way
from envmgr.domain.rules.network.upstream import Upstream, upstream_of
from envmgr.domain.values.cage import CageLimits, CageRules, Ground, Network, Purpose, Reach
from envmgr.host.cage import network
from envmgr.host.cage.bubblewrap import caged, require
from envmgr.host.children.child import Start
from envmgr.host.egress import proxy as proxies
from envmgr.host.egress.proxy import Proxy
from tests.support.listener import Listener
from tests.support.processes import free_port
from tests.support.proxies import forked
from tests.support.waiting import wait_for

LOOPBACK = ("127.0.0.0/8",)


class Echo:
    """Sends back what it is sent, to the end of that, and then `more`."""

    def __init__(self) -> None:
        self.came = 0
        self.listener = Listener(self._take)
        self.port = self.listener.port

    def _take(self, connection: socket.socket) -> None:
        self.came += 1
        threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    @staticmethod
    def _answer(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):  # as of who is ended
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.sendall(b"after its end")


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.listener.close()


class Running:
    """A proxy in a thread, with names of its own."""

    def __init__(
        self,
        way: Way,
        record: Path,
        names: Callable[[str], Sequence[str]],
        upstream: Upstream | None = None,
    ) -> None:
        self.record = record
        self.asked: list[str] = []
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listening.getsockname()[1]

        async def resolve(target: Target) -> Sequence[str]:
            self.asked.append(target.host)
            return names(target.host)

        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            async with await Proxy(way, record, resolve, upstream).serve(listening):
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
    connection = socket.create_connection(("127.0.0.1", port), timeout=100)
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
            upstream: Upstream | None = None,
        ) -> Running:
            way = Way(names=None if names is None else tuple(names), networks=tuple(networks))
            return stack.enter_context(closing(Running(way, tmp_path / "1.log.refused", found, upstream)))

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

    port = free_port()
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
    with socket.create_connection(("127.0.0.1", running.port), timeout=100) as connection:
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
    with socket.create_connection(("127.0.0.1", running.port), timeout=100) as connection:
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


# In a cage: opens connections by the proxy, all at once; says what was answered, and waits.
CLIENT = """
import json, socket, sys
target, number = sys.argv[1], int(sys.argv[2])
found = [socket.create_connection(("127.0.0.1", 3128), timeout=60) for _ in range(number)]
for one in found:
    one.sendall(f"CONNECT {target} HTTP/1.1\\r\\n\\r\\n".encode())
answers = [one.recv(100).split(b" ")[1].decode() for one in found]
for one in found[:100]:
    one.sendall(b"x" * 1000)
print(json.dumps(answers), flush=True)
sys.stdin.read()
"""


class Client:
    """A cage with a process that talks to its proxy, and that proxy."""

    def __init__(self, stack: ExitStack, folder: Path, target: str, number: int) -> None:
        python = os.path.realpath(sys.executable)
        rules = CageRules(
            kind="bwrap",
            network=Network(reach=Reach.LISTED, allow=(target,), networks=LOOPBACK),
            readable=(python, sys.base_prefix),
        )
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        start = Start(
            argv=(python, "-I", "-S", "-c", CLIENT, target, str(number)),
            folder=own,
            environment={"PATH": os.environ["PATH"]},
            output=1,
            errors=2,
        )
        cage = confine(Purpose.DEPLOY, rules, Ground(code=str(own)), CageLimits())
        before = forked()
        with caged(start, cage, folder / "1.log") as made:
            self.process = stack.enter_context(
                subprocess.Popen(
                    made.argv,
                    env=dict(made.environment),
                    pass_fds=made.keep_open,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        stack.callback(self.process.stdin.close)
        self.answers = json.loads(self.process.stdout.readline())
        self.forked = forked() - before

    @property
    def proxy(self) -> int:
        (found,) = self.forked
        return found

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(100) == 0


@pytest.fixture
def client(tmp_path: Path, echo: Echo) -> Iterator[Callable[[int], Client]]:
    try:
        require()
    except NeedsPerson as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        yield lambda number: Client(stack, tmp_path, f"{socket.gethostname()}:{echo.port}", number)


def test_a_thousand_connections_are_stood_in_little_memory(client: Callable[[int], Client]) -> None:
    """More than it takes at once are told so, and it goes on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        found = client(1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(found.answers) == {"200", "503"}
    assert found.answers.count("200") >= 200
    status = Path(f"/proc/{found.proxy}/status").read_text()
    highest = int(status.partition("VmHWM:")[2].split()[0])
    assert highest < 30 * 1024, f"{highest} KiB"


def test_it_ends_with_what_it_is_for(client: Callable[[int], Client]) -> None:
    """And has none of our variables, and no folder of ours; another cage's goes on."""
    one, other = client(1), client(1)
    assert (one.answers, other.answers) == (["200"], ["200"])
    variables = Path(f"/proc/{one.proxy}/environ").read_bytes().split(b"\0")
    assert {variable.partition(b"=")[0] for variable in variables} <= {b"", b"PATH", b"PWD"}
    assert Path(f"/proc/{one.proxy}/cwd").readlink() == Path("/")
    one.end()
    wait_for(lambda: not Path(f"/proc/{one.proxy}").exists())
    assert other.proxy in forked()


def test_who_asks_for_nothing_has_none(client: Callable[[int], Client]) -> None:
    """Its socket is closed when it ends."""
    launcher = client(1).forked and network._PROXIES.process
    assert launcher
    held = _descriptors(launcher.pid)
    quiet = client(0)
    wait_for(lambda: not quiet.forked & forked())  # what opened its socket has ended
    wait_for(lambda: _descriptors(launcher.pid) == held + 2)
    quiet.end()
    wait_for(lambda: _descriptors(launcher.pid) == held)


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_launcher_that_died_is_started_anew(client: Callable[[int], Client]) -> None:
    """The proxies that it forked go on."""
    one = client(1)
    launcher = network._PROXIES.process
    assert launcher is not None
    launcher.kill()
    launcher.wait(100)
    assert client(1).answers == ["200"]
    assert Path(f"/proc/{one.proxy}").exists()


class Corporate:
    """A proxy of the host's own, which leads wherever it is asked to an echo, and refuses what is `forbidden`."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.heads: list[str] = []
        self.listener = Listener(self._take)
        self.port = self.listener.port

    def _take(self, connection: socket.socket) -> None:
        threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        self.heads.append(head.decode())
        if b"forbidden" in head:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            connection.close()
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nVia: corporate\r\n\r\n")
        Echo._answer(connection)


@contextmanager
def through(
    started: Callable[..., Running], echo: Echo, names: Sequence[str] | None, **found: Sequence[str]
) -> Iterator[tuple[Running, Corporate]]:
    """A proxy that goes by the host's own, but for `direct.example`, where names stand for some addresses."""
    corporate = Corporate(echo)

    def resolve(host: str) -> Sequence[str]:
        key = host.partition(".")[0]
        if key not in found:
            raise socket.gaierror
        return found[key]

    variables = {
        "https_proxy": f"http://envmgr:p%40ss@127.0.0.1:{corporate.port}",
        "NO_PROXY": "direct.example",
    }
    with closing(corporate.listener):
        yield started(names, resolve, upstream=upstream_of(variables)), corporate


def test_where_the_host_has_a_proxy_connections_go_by_it(started: Callable[..., Running], echo: Echo) -> None:
    """A listed name by that name, also where only the other proxy knows it; what is exempt goes directly."""
    names = [f"*.example:{echo.port}"]
    with through(
        started, echo, names, direct=["127.0.0.1"], known=["93.184.216.34"], inside=["10.0.0.1"]
    ) as (running, corporate):
        for host in ("known", "unknown"):
            connection, status = ask(running.port, f"{host}.example:{echo.port}")
            with connection:
                assert status == "HTTP/1.1 200 Connection established"
                connection.sendall(b"hello")
                assert connection.recv(100) == b"hello"
        assert [head.split("\r\n")[0] for head in corporate.heads] == [
            f"CONNECT {host}.example:{echo.port} HTTP/1.1" for host in ("known", "unknown")
        ]
        assert "Proxy-Authorization: Basic ZW52bWdyOnBAc3M=\r\n" in corporate.heads[0]
        assert answers_to(running.port, f"direct.example:{echo.port}").endswith("established")
        assert " 403 refused inside.example" in answers_to(running.port, f"inside.example:{echo.port}")
        assert " 403 refused evil.test:443; add" in answers_to(running.port, "evil.test:443")
        said = answers_to(running.port, f"forbidden.example:{echo.port}")
        assert said.endswith("was refused by the host's own proxy (HTTPS_PROXY)")
        assert len(corporate.heads) == 3


def test_where_any_name_may_be_asked_for_the_host_s_proxy_is_given_an_address_that_was_checked(
    started: Callable[..., Running], echo: Echo
) -> None:
    with through(started, echo, None, known=["93.184.216.34"]) as (running, corporate):
        assert answers_to(running.port, "known.example:443").endswith("established")
        assert corporate.heads[0].startswith("CONNECT 93.184.216.34:443 ")
        assert " 502 unknown.example:443 was not found" in answers_to(running.port, "unknown.example:443")
        assert len(corporate.heads) == 1
