"""Two hundred branches pushed at once to one daemon and to three that have as many places together: makespan and processor time."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import Spent
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.running_daemon import running
from tests.benchmarks.subject import Subject
from tests.support import postgres

BURST = 200
PLACES = 2
"""Of all hosts together."""
HOSTS = 3
RATIO = 1.1
QUEUES = ("threads", "procrastinate")
_SETTLED = 3.0
"""Seconds after the last start in which each host has polled and is idle."""
_LONGEST = 900.0
_MODULE = "local-environment"


@dataclass(frozen=True, slots=True)
class Took:
    """What a burst took: seconds until all were ready, processor time of the daemons with Terraform and git, and of PostgreSQL."""

    makespan: float
    daemons: float
    database: float
    by_host: Sequence[int]

    @property
    def cpu(self) -> float:
        """Seconds of processor time in all."""
        return self.daemons + self.database


def hosts_burst(laboratory: Laboratory) -> list[Comparison]:
    """For both kinds of queue, three hosts over one, in turn."""
    programs = postgres.find_programs()
    if programs is None:
        raise Absent("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    place = laboratory.place("hosts-burst")
    with postgres.running_postgres(programs) as url:
        found = [
            _compared(_Bursts(laboratory.terraform, url, place, queue), laboratory.rounds) for queue in QUEUES
        ]
    return [each for several in found for each in several]


def _compared(bursts: "_Bursts", rounds: int) -> list[Comparison]:
    pairs = [
        (bursts.one(HOSTS), bursts.one(1)) for _ in range(rounds)
    ]  # each starts anew: nothing to warm up
    three, one = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    shares = "; ".join("/".join(str(number) for number in each.by_host) for each in three)
    name = f"{BURST} pushes at once, queue: {bursts.queue}, {HOSTS} hosts over one"
    note = (
        f"module {_MODULE}, PostgreSQL, {PLACES} places in all, done by each host: {shares}; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    return [
        Comparison(
            name=f"{name}: makespan",
            unit="s",
            ours=tuple(each.makespan for each in three),
            by_hand=tuple(each.makespan for each in one),
            limit=RATIO,
            paired=True,
            note=note,
        ),
        Comparison(
            name=f"{name}: processor time",
            unit="s",
            ours=tuple(each.cpu for each in three),
            by_hand=tuple(each.cpu for each in one),
            paired=True,
            note="of daemons, Terraform, git and PostgreSQL; of PostgreSQL alone "
            f"{', '.join(f'{a.database:.1f} over {b.database:.1f}' for a, b in pairs)}",
        ),
    ]


class _Bursts:
    """Bursts with one kind of queue, each on a database and in folders of its own."""

    def __init__(self, terraform: str, url: str, folder: Path, queue: str) -> None:
        self.queue = queue
        self._terraform, self._url, self._folder = terraform, url, folder
        self._numbers = count()

    def one(self, hosts: int) -> Took:
        """The branches come when all daemons are up and idle."""
        name = f"{self.queue}_{next(self._numbers)}"
        url = postgres.make_database(self._url, name)
        folder = self._folder / name
        try:
            with ExitStack() as ending:
                connection = ending.enter_context(psycopg.connect(url, autocommit=True))
                subject, point = self._subject(folder, url)
                logs = [folder / f"log-{number}" for number in range(hosts)]
                started = [
                    ending.enter_context(running(subject.config, folder / f"data-{number}", log))
                    for number, log in enumerate(logs)
                ]
                time.sleep(_SETTLED)
                before = [Spent.by(each.pid) for each in started], _of_postgres(connection)
                began = time.monotonic()
                point()
                _wait_until_ready(connection, logs)
                makespan = time.monotonic() - began
                after = [Spent.by(each.pid) for each in started], _of_postgres(connection)
                daemons = sum((b - a).seconds for a, b in zip(before[0], after[0], strict=True))
                return Took(makespan, daemons, after[1] - before[1], _by_host(connection))
        finally:
            postgres.drop_database(self._url, name)
            shutil.rmtree(folder, ignore_errors=True)

    def _subject(self, folder: Path, url: str) -> tuple[Subject, Callable[[], None]]:
        """The files of an organization with one repository, and what pushes all branches to it at once."""
        conf = folder / "conf"
        conf.mkdir(parents=True)
        key = conf / "key"
        key.write_text("k" * 32)
        key.chmod(0o600)
        settings = f"database: '{url}', queue: {self.queue}, bundle_key: {{file: {key}}}"
        (conf / "daemon.yaml").write_text(f"daemon: {{{settings}}}\n")
        limits = {"environments": 2 * BURST, "concurrency": PLACES, "health_networks": ["127.0.0.0/8"]}
        subject = Subject(
            folder,
            terraform={"binary": self._terraform},
            polling={"interval": "1s"},
            drift={"action": "off"},
            limits=limits,
        )
        subject.config = conf / "acme.yaml"
        root = {"root": str(folder / "environments")}
        shop = subject.repository(terraform={"module": _MODULE}, variables=root)
        subject.write()
        names = [f"env-b{number:03}" for number in range(BURST)]
        return subject, lambda: shop.point(names, shop.head("main") or "")


def _wait_until_ready(connection: psycopg.Connection[Any], logs: Sequence[Path]) -> None:
    deadline, ready = time.monotonic() + _LONGEST, 0
    while time.monotonic() < deadline:
        [(ready,)] = connection.execute("SELECT count(*) FROM environments WHERE status = 'ready'").fetchall()
        if ready == BURST:
            return
        time.sleep(0.1)
    said = "".join(log.read_text()[-2000:] for log in logs)
    raise RuntimeError(f"{ready} of {BURST} were ready within {_LONGEST:g} s: {said}")


def _by_host(connection: psycopg.Connection[Any]) -> list[int]:
    """How many each host applied, the most first. Raises RuntimeError where one was applied twice, or failed."""
    rows = connection.execute("SELECT name, status, owner FROM runs WHERE kind = 'apply'").fetchall()
    if len(rows) != BURST or {status for _, status, _ in rows} != {"succeeded"}:
        raise RuntimeError(f"{BURST} applies were to succeed: {Counter(status for _, status, _ in rows)}")
    return sorted(Counter(str(owner) for *_, owner in rows).values(), reverse=True)


def _of_postgres(connection: psycopg.Connection[Any]) -> float:
    """Processor seconds of PostgreSQL until now: of those of its processes that live, and of all that have ended."""
    [(backend,)] = connection.execute("SELECT pg_backend_pid()").fetchall()
    server = _stat(backend)[1]
    return sum(_own(each) for each in _children(server)) + Spent.by(server).seconds


def _children(server: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile: then its parent counts it
            if _stat(int(folder.name))[1] == server:
                found.append(int(folder.name))
    return found


def _own(process: int) -> float:
    with suppress(OSError):
        return sum(_stat(process)[11:13]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _stat(process: int) -> list[int]:
    """The numbers of /proc/PID/stat from its third field on; the state's letter counts as 0."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return [0, *map(int, fields[1:])]
