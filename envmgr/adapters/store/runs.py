"""Queries on runs, within a transaction of the caller."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import Run, RunEnd, RunStatus
from envmgr.domain.values.names import EnvironmentId

from . import rows
from .schema import runs


def start(
    connection: Connection,
    environment: EnvironmentId,
    values: Mapping[str, object],
    log: Callable[[int], str],
) -> Run:
    """Adds a run, whose log is named by its id."""
    fixed = {"status": RunStatus.RUNNING, "message": "", "log": ""}
    row = {**rows.identity_values(environment), **fixed, **values}
    run = rows.run(connection.execute(insert(runs).values(**row).returning(*runs.c)).one())
    if name := log(run.id):
        change(connection, run.id, {"log": name})
    return replace(run, log=name)


def change(connection: Connection, run: int, values: Mapping[str, object]) -> None:
    """Writes columns of a run; UsageError where there is none."""
    if connection.execute(update(runs).where(runs.c.id == run).values(**values)).rowcount != 1:
        raise UsageError(f"There is no run {run}: `envmgr history` shows those that are kept.")


def finish(connection: Connection, end: RunEnd | None) -> None:
    """Writes how a run ended, where one did."""
    if end is None:
        return
    given = {"message": end.message} if end.message else {}
    kept = {} if end.changes is None else {"changes": end.changes}
    change(connection, end.run, {"status": end.status, "finished_at": end.at, **given, **kept})


def get(connection: Connection, run: int) -> Run | None:
    """One run."""
    row = connection.execute(select(runs).where(runs.c.id == run)).one_or_none()
    return None if row is None else rows.run(row)


def find(
    connection: Connection, environment: EnvironmentId | None, status: RunStatus | None, limit: int | None
) -> Sequence[Run]:
    """Runs, newest first."""
    given = rows.identity_values(environment) if environment is not None else {}
    given = given if status is None else {**given, "status": status}
    return [rows.run(row) for row in connection.execute(_newest(tuple(given), limit), given)]


@cache
def _newest(given: tuple[str, ...], limit: int | None) -> Select[*tuple[Any, ...]]:
    """By what is given, each query once: to build one takes SQLAlchemy longer than to ask it."""
    query = select(runs).where(*(runs.c[name] == bindparam(name) for name in given))
    return query.order_by(runs.c.id.desc()).limit(limit)
