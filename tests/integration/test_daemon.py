"""The daemon's life: real processes, real git, real Terraform, and the messages systemd would get."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Environment, RunStatus
from tests.support import warm
from tests.support.git_repository import GitRepository
from tests.support.slow_work import slow_work
from tests.support.web_server import WebServer, page

ROOT = Path(__file__).parents[2]
WATCHDOG = 2.0


class Site:
    """Configuration, data and repositories of a daemon, the daemon itself, and what it told systemd."""

    def __init__(self, folder: Path, terraform: str) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.data = folder / "data"
        self.config.mkdir()
        self._terraform = terraform
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self.processes: list[warm.Process] = []

    def repository(self, name: str, seconds: float = 0, until: Path | None = None) -> GitRepository:
        """A repository with one environment, `alice`, whose apply takes so long."""
        repository = GitRepository.create(self.folder / "git" / f"{name}.git")
        repository.commit("main", {"README": "shop"})
        code = slow_work(1, seconds, self.folder / "applies", until)
        repository.commit("env-alice", {"terraform/main.tf": code})
        return repository

    def configure(self, *repositories: GitRepository, extra: str = "") -> None:
        """Writes the organization file."""
        listed = "".join(f"  - {{name: {r.path.stem}, url: {r.path}}}\n" for r in repositories)
        (self.config / "acme.yaml").write_text(
            f"organization: acme\nterraform: {{binary: {self._terraform}}}\npolling: {{interval: 1s}}\n"
            f"{extra}repositories:\n{listed}"
        )

    def start(self, *faults: str, drain: float = 60, watchdog: float | None = None) -> warm.Process:
        """Starts a daemon; returns when it is ready."""
        environment: Mapping[str, str] = {
            **os.environ,
            "HOME": str(self.folder),
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            **({"WATCHDOG_USEC": str(int(watchdog * 1e6))} if watchdog else {}),
        }
        arguments = [str(self.config), str(self.data), str(drain), *faults]
        self.told.clear()
        with (self.folder / "log").open("ab") as log:
            process = warm.start(
                "tests.integration.daemon_process",
                arguments,
                env=environment,
                stdout=log,
                stderr=log,
                new_session=True,
            )
        self.processes.append(process)
        self.hears("READY=1")
        return process

    def hears(self, pattern: str, seconds: float = 60) -> str:
        """Waits for a message from now on that the pattern is in."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                message = self._socket.recv(65536).decode()
            except TimeoutError:
                break
            self.told.append(message)
            if re.search(pattern, message):
                return message
        raise AssertionError(f"systemd was not told {pattern!r} but {self.told[-5:]}\n{self.log()}")

    def drain(self) -> list[str]:
        """The messages that have come until now."""
        messages = []
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                messages.append(self._socket.recv(65536).decode())
        return messages

    def log(self) -> str:
        """What the daemon logged."""
        return (self.folder / "log").read_text()

    def environment(self, repository: str = "shop") -> Environment | None:
        """What the records say of `alice`."""
        with closing(open_records(self.config, self.data, os.environ)) as store:
            found = [e for e in store.environments() if e.id.repository == repository]
            return found[0] if found else None

    def runs(self) -> list[RunStatus]:
        """How the runs of shop's environment ended, the newest first."""
        with closing(open_records(self.config, self.data, os.environ)) as store:
            return [run.status for run in store.runs()]

    def applies(self) -> list[str]:
        """What the provisioners wrote."""
        path = self.folder / "applies"
        return path.read_text().splitlines() if path.exists() else []

    def is_ready(self, commit: str, repository: str = "shop") -> bool:
        """Whether the environment has this commit."""
        found = self.environment(repository)
        return found is not None and (found.status.value, found.applied.commit) == ("ready", commit)

    def status(self) -> str:
        """That of shop's environment."""
        found = self.environment()
        return found.status.value if found is not None else ""

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._socket.close()


def eventually(condition: Callable[[], object], site: Site, seconds: float = 120) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{site.environment()}\n{site.applies()}\n{site.log()}"
        time.sleep(0.1)


def end(process: warm.Process, seconds: float = 60) -> int:
    """SIGTERM, and the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)


@pytest.fixture
def site(tmp_path: Path, terraform_binary: str) -> Iterator[Site]:
    """A place for a daemon."""
    made = Site(tmp_path, terraform_binary)
    yield made
    made.close()


def test_applies_what_is_pushed_and_ends_well(site: Site) -> None:
    """From READY over two pushes to STOPPING and exit code 0."""
    shop = site.repository("shop")
    site.configure(shop)
    daemon = site.start()
    assert "STATUS=1 repository watched" in site.told[-1]
    eventually(lambda: site.is_ready(shop.head("env-alice") or ""), site)
    second = shop.commit("env-alice", {"terraform/main.tf": slow_work(2, 0, site.folder / "applies")})
    eventually(lambda: site.is_ready(second), site)
    assert end(daemon) == 0
    site.hears("STOPPING=1")
    assert site.applies() == ["started 1", "token 1 ", "finished 1", "started 2", "token 2 ", "finished 2"]


def test_first_sigterm_lets_terraform_finish(site: Site) -> None:
    """A drain: nothing new starts, what runs ends well, SIGHUPs meanwhile do no harm."""
    goes_on = site.folder / "goes-on"
    shop = site.repository("shop", until=goes_on)
    site.configure(shop)
    daemon = site.start(watchdog=WATCHDOG)
    eventually(site.applies, site)
    daemon.send_signal(signal.SIGTERM)
    site.hears("STOPPING=1")
    daemon.send_signal(signal.SIGHUP)
    assert "draining" in site.hears("WATCHDOG=1\nSTATUS=.*working on acme/shop/alice")
    goes_on.touch()
    assert daemon.wait(60) == 0
    assert site.is_ready(shop.head("env-alice") or "")
    assert site.runs() == [RunStatus.SUCCEEDED]


@pytest.mark.parametrize(("drain", "signals"), [(60, 2), (1, 1)], ids=["second SIGTERM", "drain timeout"])
def test_a_drain_that_is_given_up_ends_terraform(site: Site, drain: float, signals: int) -> None:
    """Terraform gets SIGINT, the environment says it goes on, and the next daemon brings it to its end."""
    shop = site.repository("shop", seconds=20)
    site.configure(shop)
    daemon = site.start(drain=drain)
    eventually(site.applies, site)
    for _ in range(signals):
        daemon.send_signal(signal.SIGTERM)
        site.hears("draining")
    assert daemon.wait(60) == 0
    found = site.environment()
    assert found is not None
    assert found.status.value == "waiting"
    assert "continues when envmgr runs again" in found.message
    assert site.applies() == ["started 1"]
    commit = shop.commit("env-alice", {"terraform/main.tf": slow_work(2, 0, site.folder / "applies")})
    site.start()
    eventually(lambda: site.is_ready(commit), site)


def test_who_answers_badly_is_degraded_for_as_long(site: Site) -> None:
    """The branch's own file says how it is asked."""
    with WebServer() as server:
        url, shop = server.answer("/", page()), site.repository("shop")
        asks = f"health: {{url: '{url}', interval: 1s}}"
        commit = shop.commit("env-alice", {".envmgr.yaml": asks})
        site.configure(shop, extra="limits: {health_networks: [127.0.0.0/8]}\n")
        daemon = site.start()
        eventually(lambda: site.is_ready(commit), site)
        server.answer("/", page(503))
        eventually(lambda: site.status() == "degraded", site)
        server.answer("/", page())
        eventually(lambda: site.is_ready(commit), site)
        assert end(daemon, 60) == 0
    assert "Traceback" not in site.log()


def test_sighup_brings_the_new_files(site: Site) -> None:
    """RELOADING with the time, READY again; a new repository is watched, new variables are applied without a push."""
    shop, mail = site.repository("shop"), site.repository("mail")
    site.configure(shop)
    daemon = site.start()
    eventually(lambda: site.is_ready(shop.head("env-alice") or ""), site)
    site.configure(shop, mail, extra="variables: {note: new}\n")
    daemon.send_signal(signal.SIGHUP)
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", site.hears("RELOADING"))
    assert "STATUS=2 repositories watched" in site.hears("READY=1")
    eventually(lambda: site.is_ready(mail.head("env-alice") or "", "mail"), site)
    eventually(lambda: site.runs().count(RunStatus.SUCCEEDED) == 3, site)
    assert end(daemon) == 0


def test_a_repository_that_leaves_the_file_while_it_is_worked_on_says_so_afterwards(site: Site) -> None:
    """The apply goes on to its end; with the repository back it is managed as before."""
    goes_on = site.folder / "goes-on"
    shop, mail = site.repository("shop", until=goes_on), site.repository("mail")
    site.configure(shop, mail)
    daemon = site.start()
    eventually(site.applies, site)
    site.configure(mail)
    daemon.send_signal(signal.SIGHUP)
    site.hears("RELOADING")
    site.hears("READY=1")
    goes_on.touch()
    eventually(lambda: site.status() == "waiting", site)
    found = site.environment()
    assert found is not None
    assert found.applied.commit == shop.head("env-alice")
    assert "Repository acme/shop is not in the configuration" in found.message
    site.configure(shop, mail)
    daemon.send_signal(signal.SIGHUP)
    eventually(lambda: site.is_ready(shop.head("env-alice") or ""), site)
    assert end(daemon) == 0


def test_sighup_with_a_bad_file_keeps_the_old_configuration(site: Site) -> None:
    """It stays up, says so for as long as it is so, and goes on working."""
    shop = site.repository("shop")
    site.configure(shop)
    daemon = site.start(watchdog=WATCHDOG)
    site.configure(shop, extra="colour: blue\n")
    daemon.send_signal(signal.SIGHUP)
    site.hears("RELOADING")
    assert "old configuration kept" in site.hears("READY=1")
    assert "old configuration kept" in site.hears("WATCHDOG=1"), "the next status must not hide it"
    assert "colour" in site.log()
    commit = shop.commit("env-alice", {"terraform/main.tf": slow_work(2, 0, site.folder / "applies")})
    eventually(lambda: site.is_ready(commit), site)
    site.configure(shop)
    daemon.send_signal(signal.SIGHUP)
    site.hears("RELOADING")
    assert "old configuration" not in site.hears("READY=1")
    assert end(daemon) == 0


def test_a_store_that_hangs_silences_the_watchdog(site: Site) -> None:
    """Systemd then kills and restarts; without the fault the signs of life go on."""
    site.configure(site.repository("shop"))
    healthy = site.start(watchdog=WATCHDOG)
    for _ in range(4):
        site.hears("WATCHDOG=1", seconds=WATCHDOG)
    assert end(healthy) == 0
    site.start("hang-store=", watchdog=WATCHDOG)
    time.sleep(2 * WATCHDOG)  # what it may say until it has hung for the watchdog's time
    heard = site.drain()
    time.sleep(WATCHDOG)
    assert heard
    assert not site.drain(), "it must be silent for the whole of the watchdog's time"


@pytest.mark.parametrize("fault", ["hang-poll", "fail-poll", "fail-look"])
def test_one_bad_repository_stops_no_other(site: Site, fault: str) -> None:
    """Another repository is worked on, and the end does not wait for the bad one."""
    bad, shop = site.repository("bad"), site.repository("shop")
    site.configure(bad, shop)
    daemon = site.start(f"{fault}=bad")
    eventually(lambda: site.is_ready(shop.head("env-alice") or ""), site)
    commit = shop.commit("env-alice", {"terraform/main.tf": slow_work(2, 0, site.folder / "applies")})
    eventually(lambda: site.is_ready(commit), site)
    assert end(daemon, seconds=5) == 0


def test_terraform_survives_sigkill_and_is_adopted(site: Site) -> None:
    """The apply ends once; the next daemon attends it, takes its result, and finds nothing left to do."""
    shop = site.repository("shop", seconds=3)
    site.configure(shop)
    daemon = site.start()
    eventually(site.applies, site)
    daemon.kill()
    daemon.wait()
    second = site.start()
    eventually(lambda: site.is_ready(shop.head("env-alice") or ""), site)
    assert [line for line in site.applies() if "token" not in line] == ["started 1", "finished 1"]
    assert site.runs() == [RunStatus.SUCCEEDED]
    assert end(second) == 0


def test_a_storm_of_signals_is_worked_off(site: Site) -> None:
    """No signal interrupts another into a deadlock."""
    site.configure(site.repository("shop"))
    daemon = site.start()
    for _ in range(200):
        daemon.send_signal(signal.SIGHUP)
    daemon.send_signal(signal.SIGTERM)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(60) == 0
