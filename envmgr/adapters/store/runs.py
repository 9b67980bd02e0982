"""Queries on runs, within a transaction of the caller."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select, update

from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import Run, RunStatus
from envmgr.domain.values.names import EnvironmentId

from . import rows
from .schema import runs


def start(connection: Connection, environment: EnvironmentId, values: Mapping[str, object]) -> Run:
    """Adds a run."""
    fixed = {"status": RunStatus.RUNNING, "message": "", "log": ""}
    row = {**rows.identity_values(environment), **fixed, **values}
    return rows.run(connection.execute(insert(runs).values(**row).returning(*runs.c)).one())


def change(connection: Connection, run: int, values: Mapping[str, object]) -> None:
    """Writes columns of a run; UsageError where there is none."""
    if connection.execute(update(runs).where(runs.c.id == run).values(**values)).rowcount != 1:
        raise UsageError(f"There is no run {run}: `envmgr history` shows those that are kept.")


def get(connection: Connection, run: int) -> Run | None:
    """One run."""
    row = connection.execute(select(runs).where(runs.c.id == run)).one_or_none()
    return None if row is None else rows.run(row)


def find(
    connection: Connection, environment: EnvironmentId | None, status: RunStatus | None, limit: int | None
) -> Sequence[Run]:
    """Runs, newest first."""
    query = select(runs).order_by(runs.c.id.desc()).limit(limit)
    if environment is not None:
        query = query.where(rows.of_environment(runs, environment))
    if status is not None:
        query = query.where(runs.c.status == status)
    return [rows.run(row) for row in connection.execute(query)]
