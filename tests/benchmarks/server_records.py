"""Records as many years would leave them: environments by the store, runs and events by the hundred thousand in plain SQL."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from envmgr.adapters.processes import identify
from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Event, RunKind, RunStatus
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from tests.benchmarks.population import populate

REPOSITORIES, BRANCHES = 20, 500
FOLLOWED = EnvironmentId("acme", "r0", "7x")
"""The environment whose newest run goes on, with a log."""
_NUMBERED = """
WITH RECURSIVE numbered(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbered WHERE i < {count})
INSERT INTO {table} ({columns}) SELECT {values} FROM {table}, numbered WHERE id = 1
"""
_SPREAD: Mapping[str, str] = {
    "repository": f"'r' || (i % {REPOSITORIES})",
    "name": f"(i / {REPOSITORIES} % {BRANCHES}) || 'x'",
}


@dataclass(frozen=True, slots=True)
class Written:
    """The one run that goes on, and its log."""

    run: int
    log: Path


def write_records(config: Path, data: Path, runs: int, events: int) -> Written:
    """Fills an empty database, whose organization file is there; gives the one run that goes on.

    Every hundredth run failed.
    """
    store = open_records(config, data, os.environ)
    branches = {f"env-{number}x": "c" * 40 for number in range(BRANCHES)}
    for number in range(REPOSITORIES):
        populate(store, RepositoryId("acme", f"r{number}"), branches, "")
    now, owner = datetime.now(UTC), identify(os.getpid())
    first = store.start_run(
        FOLLOWED, RunKind.APPLY, "c" * 40, owner, "daemon", now, lambda n: f"logs/{n}.log"
    )
    store.finish_run(first.id, RunStatus.SUCCEEDED, now)
    store.record(
        Event(
            at=now, action="applied", environment=FOLLOWED, message="3 to add.", actor="daemon", run=first.id
        )
    )
    store.close()
    status = f"CASE WHEN i % 100 = 0 THEN '{RunStatus.FAILED}' ELSE status END"
    with open_records(config, data, os.environ)._database.engine.begin() as connection:
        _multiply(connection, "runs", runs - 2, {**_SPREAD, "status": status})
        _multiply(connection, "events", events - 1, {**_SPREAD, "run": f"i % {runs} + 1"})
        connection.execute(text("ANALYZE"))
    store = open_records(config, data, os.environ)
    last = store.start_run(FOLLOWED, RunKind.APPLY, "c" * 40, owner, "daemon", now, lambda n: f"logs/{n}.log")
    store.close()
    log = data / last.log
    log.parent.mkdir(exist_ok=True)
    log.write_text("")
    return Written(last.id, log)


def _multiply(connection: Connection, table: str, count: int, varied: Mapping[str, str]) -> None:
    """Writes the first row so many times more, some columns of it by its number `i`."""
    known = [column["name"] for column in inspect(connection).get_columns(table) if column["name"] != "id"]
    quoted = [f'"{name}"' for name in known]
    values = [varied.get(name, f'{table}."{name}"') for name in known]
    query = _NUMBERED.format(count=count, table=table, columns=", ".join(quoted), values=", ".join(values))
    connection.execute(text(query))
