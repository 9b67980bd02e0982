"""What idle hosts ask of the database that they share: statements and rows a second, counted by PostgreSQL itself."""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from envmgr.engine.forge.looking import look_at_forge
from envmgr.engine.forge.saying import work_out
from envmgr.host.system import write_private
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.idle_pass import populated
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.running_daemon import running
from tests.benchmarks.subject import Subject
from tests.support import postgres
from tests.support.forges.kinds.github import GitHub
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import Model
from tests.support.processes import free_port

HOSTS = 3
SHAPES = ((1, 5000), (50, 100))
"""Repositories, and environments in each."""
LIMIT = 20.0
"""Statements a second of all hosts together."""
SETTLED = 45.0
"""Seconds after the last host's start: what was written then is not read again, and all is tidied."""
WINDOW = 120.0
"""Seconds that hold each look which a polling interval of 30 s brings, and once all that forges are told worked out anew."""
PAGE = "https://envmgr.example.com"
LONGEST = 900.0
"""Seconds for all that has to be done before the hosts are idle: each pull request gets an environment of its own."""
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT SET_CONFIG")


def database_load(laboratory: Laboratory) -> list[Comparison]:
    """Three daemons with nothing to do, on one PostgreSQL, for each shape: alone, and with a server and a forge."""
    programs = postgres.find_programs()
    if programs is None:
        raise Absent("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    place = laboratory.place("database-load")
    return [
        found
        for is_told in (False, True)
        for repositories, branches in SHAPES
        for found in _measured(programs, _Shape(laboratory, place, repositories, branches, is_told))
    ]


@dataclass(frozen=True, slots=True)
class _Shape:
    """So many repositories with so many environments each; `is_told`: a forge hears of them, and a server listens."""

    laboratory: Laboratory
    place: Path
    repositories: int
    branches: int
    is_told: bool

    @property
    def name(self) -> str:
        """As the table says it."""
        more = ", with server, forge and previews" if self.is_told else ""
        return f"{self.repositories} x {self.branches} environments{more}"


def _measured(programs: Path, shape: _Shape) -> list[Comparison]:
    counting = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
    models = [_model(number) for number in range(shape.repositories)]
    with (
        LoopbackForge(GitHub(), models) as forge,
        postgres.running_postgres(programs, **counting) as url,
        ExitStack() as daemons,
    ):
        _execute(url, "CREATE EXTENSION pg_stat_statements")
        subject = _subject(shape, url, forge)
        for number in range(HOSTS):
            conf = _configuration(shape, subject, url, number) if number else subject.config
            data = subject.data if not number else subject.folder / f"data-{number}"
            daemons.enter_context(running(conf, data, subject.folder / f"log-{number}"))
        _wait_until_idle(url, shape)
        time.sleep(SETTLED)
        _execute(url, "SELECT pg_stat_statements_reset()")
        time.sleep(WINDOW)
        counted = _counted(url)
    return _comparisons(shape.name, counted)


def _wait_until_idle(url: str, shape: _Shape) -> None:
    """Until each environment is there and ready, and a forge has heard of all of them. Raises RuntimeError."""
    deadline = time.monotonic() + LONGEST
    while left := _under_way(url, shape):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left}: that is not idle")
        time.sleep(1)


def _under_way(url: str, shape: _Shape) -> str:
    """What there is still to do, as a sentence; empty where nothing is."""
    wanted = shape.repositories * (shape.branches + shape.is_told)  # each has a preview, too
    ready = _number(url, "environments WHERE status = 'ready'")
    running = _number(url, "runs WHERE status = 'running'")
    untold = _number(url, "tellings WHERE said <> digest")
    if (ready, running, untold) == (wanted, 0, 0):
        return ""
    return (
        f"{ready} of {wanted} environments are ready, {running} runs under way, {untold} things not told yet"
    )


def _number(url: str, rows: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(f"SELECT count(*) FROM {rows}".encode()).fetchone()
        return int(found[0]) if found is not None else 0


def _model(number: int) -> Model:
    return Model(name=f"acme/r{number}", now=lambda: datetime.now(UTC))


def _subject(shape: _Shape, url: str, forge: LoopbackForge) -> Subject:
    folder = shape.place / f"{shape.repositories}x{shape.branches}{'-told' if shape.is_told else ''}"
    folder.mkdir()
    (folder / "key").write_text("k" * 32)
    (folder / "key").chmod(0o600)
    limits = {"environments": 10_000, "concurrency": 2, "health_networks": ["127.0.0.0/8"]}
    subject = Subject(
        folder, terraform={"binary": shape.laboratory.terraform}, drift={"action": "off"}, limits=limits
    )
    subject.config = _configuration(shape, subject, url, 0)
    application = populated(
        subject, shape.repositories, shape.branches, _forged(forge) if shape.is_told else lambda _: {}
    )
    services = application.services
    for model in forge.models:
        head = (
            subject.repositories[model.name.partition("/")[2]].branches()["env-0x"] if shape.is_told else ""
        )
        model.opens("env-0x", head)
    for each in services.store.environments():  # as if it were kept beside its state already
        marked = services.layout.sealed(each.id)
        marked.parent.mkdir(parents=True)
        write_private(marked, services.seal.mark)
    for repository in services.repositories.values():
        if repository.forge is not None:
            look_at_forge(services, repository, repository.forge)
            work_out(services, repository, PAGE)
    _execute(url, "UPDATE tellings SET said = digest, began = true")  # as if it were told already
    subject.close()
    for number in range(1, HOSTS):
        shutil.copytree(subject.data / "workspaces", folder / f"data-{number}" / "workspaces")
    return subject


def _forged(forge: LoopbackForge) -> Callable[[str], Mapping[str, Any]]:
    """What the organization file says of a repository on the forge."""

    def section(name: str) -> Mapping[str, Any]:
        place = {"kind": "github", "url": forge.url, "repository": f"acme/{name}", "token": TOKEN}
        return {"forge": place, "previews": {"when": {"authors": "anyone"}}}

    return section


def _configuration(shape: _Shape, subject: Subject, url: str, number: int) -> Path:
    """The organization file of a host, in a folder with its `daemon.yaml`; all hosts' say the same but for the port."""
    conf = subject.folder / f"conf-{number}"
    conf.mkdir()
    lines = [f"daemon: {{database: '{url}', bundle_key: {{file: {subject.folder / 'key'}}}}}"]
    if shape.is_told:
        lines += [f"server: {{listen: '127.0.0.1:{free_port()}', public_url: {PAGE}}}"]
    (conf / "daemon.yaml").write_text("\n".join(lines) + "\n")
    if number:
        shutil.copy(subject.config, conf / "acme.yaml")
    return conf / "acme.yaml"


def _execute(url: str, statement: str) -> Sequence[tuple[str, int, int]]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


def _counted(url: str) -> Sequence[tuple[str, int, int]]:
    """Each statement that was asked, how often, and the rows that it gave or changed."""
    asked = _execute(url, "SELECT query, calls, rows FROM pg_stat_statements ORDER BY calls DESC")
    return [row for row in asked if "pg_stat_statements" not in row[0]]


def _comparisons(shape: str, counted: Sequence[tuple[str, int, int]]) -> list[Comparison]:
    real = [row for row in counted if not row[0].upper().startswith(_TRANSACTION) and row[0].strip(" ;")]
    statements, rows = sum(row[1] for row in real) / WINDOW, sum(row[2] for row in real) / WINDOW
    bounds = sum(row[1] for row in counted) / WINDOW - statements
    most = "; ".join(f"{calls / WINDOW:.1f}/s {' '.join(query.split())[:60]}" for query, calls, _ in real[:4])
    name = f"{HOSTS} idle hosts, {shape}"
    return [
        Comparison(
            name=f"{name}: statements a second",
            unit="/s",
            ours=(statements,),
            limit=LIMIT,
            relative=False,
            note=f"all hosts together, polling every 30 s, drift off, {WINDOW:g} s; besides {bounds:.1f}/s that begin or "
            f"end transactions; load average {os.getloadavg()[0]:.1f}; most often: {most}",
        ),
        Comparison(name=f"{name}: rows a second", unit="/s", ours=(rows,), relative=False),
    ]
