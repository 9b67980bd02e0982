"""Webhooks to a daemon that serves: how soon a run begins, and what a flood of them costs."""

import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from envmgr.composition.records import open_records
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import Spent
from tests.benchmarks.interleaving import interleaved
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.running_daemon import running
from tests.benchmarks.server_load import p99
from tests.benchmarks.server_process import resident_mib
from tests.support.engine import code
from tests.support.forges.kinds.github import GitHub
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import Model
from tests.support.git_repository import GitRepository, git_environment
from tests.support.processes import free_port
from tests.support.quick_terraform import write_quick_terraform

REPOSITORIES = 40
RATE, SECONDS, SENDERS = 1_000, 20, 8
_SECRET = "a-secret-of-benchmarks"
_LONGEST = 60.0
_MODULE = 'resource "terraform_data" "app" {}\n'


def webhook(laboratory: Laboratory) -> list[Comparison]:
    """Seconds from a signed webhook to the start of its run, each round in another of forty repositories."""
    with _Site.serving(laboratory.place("webhook")) as site:
        ours, by_hand = interleaved(laboratory.rounds, site.round, site.fetched_by_hand)
    return [
        Comparison(
            name="signed webhook to the start of its run",
            unit="s",
            ours=ours,
            limit=1,
            relative=False,
            by_hand=by_hand,
            note=f"a daemon that serves, {REPOSITORIES} repositories, polled once an hour; by hand are `git ls-remote` and "
            f"`git fetch` of the same branch alone; load {os.getloadavg()[0]:.1f}",
        )
    ]


def flood(laboratory: Laboratory) -> list[Comparison]:
    """A thousand webhooks a second, of which each tenth is forged, over all repositories; then one that is meant."""
    with _Site.serving(laboratory.place("webhook-flood")) as site:
        idle = resident_mib(site.pid)
        looks, spent = site.looks(), Spent.by(site.pid)
        sent = _Flood(site).send()
        cpu = (Spent.by(site.pid) - spent).seconds / sent.seconds
        more, highest = site.looks() - looks, resident_mib(site.pid)
        time.sleep(11)  # the last hint's look, and the five seconds after it
        after = site.round(0)
    answers = ", ".join(f"{status} {number}" for status, number in sorted(sent.statuses.items()))
    rate = sum(sent.statuses.values()) / sent.seconds
    worst = max(more.values(), default=0) / (sent.seconds / 5 + 1)
    note = (
        f"{SECONDS * RATE:,} asked for in {SECONDS} s by {SENDERS} connections; load {os.getloadavg()[0]:.1f}"
    )
    return [
        _figure("flood of webhooks: answered", rate, "a second", None, f"{answers}; {note}"),
        _figure(
            "… 99th percentile of an answer",
            p99(sent.taken),
            "ms",
            None,
            f"median {median(sent.taken):.0f} ms",
        ),
        _figure("… looks at one repository, for each 5 s", worst, "", 1, f"{sum(more.values())} in all"),
        _figure("… memory that it adds", highest - idle, "MiB", None, f"{highest:.0f} MiB then"),
        _figure("… CPU of the daemon", cpu * 100, "% of a core", None, "with its looks and git's"),
        _figure("… a webhook to the start of its run, 11 s later", after, "s", 1, ""),
    ]


@dataclass
class _Site:
    """A daemon over forty repositories that takes webhooks."""

    folder: Path
    port: int
    pid: int = 0

    @classmethod
    @contextmanager
    def serving(cls, folder: Path) -> Iterator["_Site"]:
        """From when it has looked at all of them."""
        site = cls(folder, free_port())
        names = [f"acme/r{number}" for number in range(REPOSITORIES)]
        with LoopbackForge(GitHub(), [Model(name=name) for name in names]) as forge:
            site._configure(forge)
            with running(site.config, site.data, folder / "log") as process:
                site.pid = process.pid
                site._wait_for_the_looks()
                yield site

    @property
    def config(self) -> Path:
        """The configuration's folder."""
        return self.folder / "config"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def git(self, number: int) -> GitRepository:
        """One of the repositories."""
        return GitRepository(self.folder / "git" / f"r{number % REPOSITORIES}.git")

    def _configure(self, forge: LoopbackForge) -> None:
        self.config.mkdir()
        secret = self.folder / "secret"
        secret.write_text(_SECRET)
        secret.chmod(0o600)
        GitRepository.create(self.git(0).path).commit("main", {"README": "shop"})
        for number in range(1, REPOSITORIES):
            shutil.copytree(self.git(0).path, self.git(number).path)
        binary = write_quick_terraform(self.folder / "terraform")
        listed = "".join(
            f"  - {{name: r{number}, url: {self.git(number).path}, forge: {{kind: github, url: '{forge.url}', "
            f"repository: acme/r{number}, token: {TOKEN}, webhook_secret: {{file: {secret}}}}}}}\n"
            for number in range(REPOSITORIES)
        )
        (self.config / "daemon.yaml").write_text(
            f"server: {{listen: '127.0.0.1:{self.port}', metrics: true}}\n"
        )
        (self.config / "acme.yaml").write_text(
            f"organization: acme\nterraform: {{binary: {binary}}}\npolling: {{interval: 1h}}\n"
            f"repositories:\n{listed}"
        )

    def _wait_for_the_looks(self) -> None:
        deadline = time.monotonic() + _LONGEST
        while "Listens on" not in (self.folder / "log").read_text() or len(self.looks()) < REPOSITORIES:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"not all remotes were looked at: {(self.folder / 'log').read_text()[-3000:]}"
                )
            time.sleep(0.5)
        time.sleep(6)  # what is hinted at right after a look waits for its turn

    def looks(self) -> Counter[str]:
        """How often each remote was looked at, as the daemon counts it."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = re.findall(r'^envmgr_polls_total\{.*repository="(\w+)".*\} ([0-9.]+)$', text, re.MULTILINE)
        return Counter({name: int(float(number)) for name, number in found})

    def round(self, number: int) -> float:
        """Seconds from a webhook to the start of the run of what was pushed right before."""
        commit = self.git(number).commit(
            f"env-n{time.monotonic_ns()}", code(module=f"# {time.monotonic_ns()}\n{_MODULE}")
        )
        sent = time.time()
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            body = payload(number)
            connection.request("POST", "/webhooks/github/acme", body, signed(body))
            status = connection.getresponse().status
        if status != 202:
            raise RuntimeError(f"a webhook was answered with {status}")
        return self._began(commit) - sent

    def _began(self, commit: str) -> float:
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            with closing(open_records(self.config, self.data, os.environ)) as store:
                began = [run.started_at.timestamp() for run in store.runs() if run.commit == commit]
            if began:
                return min(began)
            time.sleep(0.05)
        raise RuntimeError(f"no run of {commit} began: {(self.folder / 'log').read_text()[-3000:]}")

    def fetched_by_hand(self, number: int) -> float:
        """Seconds in which a person sees and has the same: a listing, and a fetch into a clone that she has."""
        clone, remote = self.folder / f"clone-{number % REPOSITORIES}", self.git(number).path
        if not clone.exists():
            self._run("git", "init", "--quiet", "--bare", str(clone))
        begin = time.perf_counter()
        self._run("git", "ls-remote", "--quiet", str(remote))
        self._run("git", "-C", str(clone), "fetch", "--quiet", str(remote), "+refs/heads/*:refs/heads/*")
        return time.perf_counter() - begin

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, env=git_environment(), stdout=subprocess.DEVNULL)


@dataclass
class _Flood:
    """Connections that are kept, each with its part of the rate; what is late is sent at once."""

    site: _Site
    statuses: Counter[int] = field(default_factory=Counter)
    taken: list[float] = field(default_factory=list)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self) -> "_Flood":
        """All of it; whoever is answered too slowly sends less."""
        begin = time.monotonic()
        threads = [threading.Thread(target=self._sender, args=(n, begin)) for n in range(SENDERS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.seconds = time.monotonic() - begin
        return self

    def _sender(self, part: int, begin: float) -> None:
        statuses, taken = Counter[int](), list[float]()
        with closing(socket.create_connection(("127.0.0.1", self.site.port), timeout=30)) as connection:
            for number in range(part, RATE * SECONDS, SENDERS):
                due = begin + number / RATE
                if time.monotonic() > begin + SECONDS:
                    break
                time.sleep(max(0.0, due - time.monotonic()))
                sent = time.perf_counter()
                connection.sendall(_request(number, self.site.port))
                statuses[_status(connection)] += 1
                taken.append((time.perf_counter() - sent) * 1000)
        with self._lock:
            self.statuses.update(statuses)
            self.taken += taken


def payload(number: int) -> bytes:
    """What a forge says of a push."""
    name = f"acme/r{number % REPOSITORIES}"
    return json.dumps({"ref": "refs/heads/main", "repository": {"full_name": name}}).encode()


def signed(body: bytes, secret: str = _SECRET) -> dict[str, str]:
    """As GitHub signs it."""
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def _request(number: int, port: int) -> bytes:
    body = payload(number)
    shown = signed(body, "forged" if number % 10 == 9 else _SECRET)
    lines = [
        "POST /webhooks/github/acme HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in shown.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _status(connection: socket.socket) -> int:
    """The status of an answer, which is read to its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise RuntimeError("the server closed a connection")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while len(rest) < (int(length[1]) if length else 0):
        rest += connection.recv(65536)
    return int(head.split(b" ", 2)[1])


def _figure(name: str, value: float, unit: str, limit: float | None, note: str) -> Comparison:
    return Comparison(name=name, unit=unit, ours=(value,), limit=limit, relative=False, note=note)
