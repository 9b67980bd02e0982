"""What idle hosts ask of the database that they share: statements and rows a second, counted by PostgreSQL itself."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg

from envmgr.host.system import write_private
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.idle_pass import populated
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.running_daemon import running
from tests.benchmarks.subject import Subject
from tests.support import postgres

HOSTS = 3
SHAPES = ((1, 5000), (50, 100))
"""Repositories, and environments in each."""
LIMIT = 20.0
"""Statements a second of all hosts together."""
SETTLED = 45.0
"""Seconds after the last host's start: what was written then is not read again, and all is tidied."""
WINDOW = 60.0
"""Seconds that hold each look which a polling interval of 30 s brings, twice."""
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT SET_CONFIG")


def database_load(laboratory: Laboratory) -> list[Comparison]:
    """Three daemons with nothing to do, on one PostgreSQL, for each shape."""
    programs = postgres.find_programs()
    if programs is None:
        raise Absent("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    place = laboratory.place("database-load")
    return [found for shape in SHAPES for found in _measured(laboratory, programs, place, *shape)]


def _measured(
    laboratory: Laboratory, programs: Path, place: Path, repositories: int, branches: int
) -> list[Comparison]:
    counting = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
    with postgres.running_postgres(programs, **counting) as url, ExitStack() as daemons:
        _execute(url, "CREATE EXTENSION pg_stat_statements")
        subject = _subject(laboratory, place / f"{repositories}x{branches}", url, repositories, branches)
        for number in range(HOSTS):
            data = subject.data if not number else subject.folder / f"data-{number}"
            daemons.enter_context(running(subject.config, data, subject.folder / f"log-{number}"))
        time.sleep(SETTLED)
        _execute(url, "SELECT pg_stat_statements_reset()")
        time.sleep(WINDOW)
        counted = _counted(url)
    return _comparisons(f"{repositories} x {branches}", counted)


def _subject(laboratory: Laboratory, folder: Path, url: str, repositories: int, branches: int) -> Subject:
    (folder / "conf").mkdir(parents=True)
    (folder / "key").write_text("k" * 32)
    (folder / "key").chmod(0o600)
    (folder / "conf" / "daemon.yaml").write_text(
        f"daemon: {{database: '{url}', bundle_key: {{file: {folder / 'key'}}}}}\n"
    )
    limits = {"environments": 10_000, "concurrency": 2, "health_networks": ["127.0.0.0/8"]}
    subject = Subject(
        folder, terraform={"binary": laboratory.terraform}, drift={"action": "off"}, limits=limits
    )
    subject.config = folder / "conf" / "acme.yaml"
    services = populated(subject, repositories, branches).services
    for each in services.store.environments():  # as if it were kept beside its state already
        marked = services.layout.sealed(each.id)
        marked.parent.mkdir(parents=True)
        write_private(marked, services.seal.mark)
    subject.close()
    for number in range(1, HOSTS):
        shutil.copytree(subject.data / "workspaces", folder / f"data-{number}" / "workspaces")
    return subject


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
    name = f"{HOSTS} idle hosts, {shape} environments"
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
