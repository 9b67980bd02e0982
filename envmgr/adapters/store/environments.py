"""Queries on environments, within a transaction of the caller."""

import secrets
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from envmgr.domain.errors import UsageError
from envmgr.domain.rules.observation import Observed
from envmgr.domain.rules.transitions import Change
from envmgr.domain.rules.transitions.observed import is_restorable, restored, revised
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId

from . import records, rows
from .schema import environments

Query = Select[*tuple[Any, ...]]
"""Of a record's columns."""


def find(
    connection: Connection,
    organization: str | None,
    repository: RepositoryId | None,
    name: str | None = None,
    *,
    destroyed: bool,
) -> Sequence[Environment]:
    """Environments, by name."""
    owner, its_name = (repository.organization, repository.name) if repository else (None, None)
    asked = {"organization": organization, "owner": owner, "repository": its_name, "name": name}
    given = {key: value for key, value in asked.items() if value is not None}
    query = _several(tuple(given), destroyed)
    return [records.environment(row) for row in connection.execute(query, given).all()]


@cache
def _several(given: tuple[str, ...], destroyed: bool) -> Query:
    """By what is given, each query once: to build one of so many columns takes SQLAlchemy longer than to ask it."""
    columns = {"owner": environments.c.organization, **environments.c}
    query = select(*records.COLUMNS).where(*(columns[key] == bindparam(key) for key in given))
    query = query.order_by(*(environments.c[name] for name in rows.IDENTITY))
    return query if destroyed else query.where(environments.c.status != Status.DESTROYED)


@cache
def _one(*, to_change: bool) -> Query:
    named = (environments.c[name] == bindparam(name) for name in rows.IDENTITY)
    query = select(*records.COLUMNS).where(*named)
    return query.with_for_update() if to_change else query


def get(connection: Connection, identity: EnvironmentId) -> Environment | None:
    """One environment."""
    row = connection.execute(_one(to_change=False), rows.identity_values(identity)).one_or_none()
    return None if row is None else records.environment(row)


def touched(connection: Connection, since: datetime) -> Mapping[RepositoryId, frozenset[Hashable]]:
    """The repositories with an environment written since a time, by name, with a mark of the last write of each.

    Asked every second: sorted here, since SQLite would sort by reading the whole table instead of the index.
    """
    columns = (
        *(environments.c[name] for name in rows.IDENTITY),
        environments.c.writes,
        environments.c.updated_at,
    )
    marks: dict[tuple[str, str], set[Hashable]] = {}
    for row in connection.execute(select(*columns).where(environments.c.updated_at >= since)):
        marks.setdefault((row[0], row[1]), set()).add(tuple(row[2:]))
    return {RepositoryId(*repository): frozenset(marks[repository]) for repository in sorted(marks)}


def lock(connection: Connection, repository: RepositoryId) -> None:
    """Keeps other transactions from changing a repository's environments (SQLite's writers do anyway)."""
    query = select(environments.c.name).where(rows.of_repository(environments, repository))
    # In one order: two who lock the same rows must not wait for each other.
    connection.execute(query.order_by(environments.c.name).with_for_update())


def change(connection: Connection, identity: EnvironmentId, now: datetime, change: Change) -> Environment:
    """Applies a change to what is recorded now, and gives it as it is then; UsageError where there is nothing."""
    row = connection.execute(_one(to_change=True), rows.identity_values(identity)).one_or_none()
    if row is None:
        raise UsageError(f"envmgr knows no environment {identity}: `envmgr list --all` shows all it knows.")
    before = records.environment(row)
    after = replace(change(before), updated_at=now)
    _write(connection, before, after)
    return after


def _write(connection: Connection, before: Environment, after: Environment) -> None:
    """Writes the columns in which two records of one environment differ."""
    if before.id != after.id:
        raise ValueError(f"a change of {before.id} gave {after.id}")
    old, new = records.values(before), records.values(after)
    # By identity: what a change leaves alone is the very same object, and equality would have to parse
    # claims.
    values = {name: value for name, value in new.items() if value is not old[name]}
    connection.execute(
        update(environments)
        .where(rows.of_environment(environments, before.id))
        .values(**values, writes=environments.c.writes + 1)
    )


def _new(environment: Environment) -> rows.Values:
    """A row whose writes are counted from a number of its own: no mark is that of one of the same name which was deleted."""
    return records.values(environment) | {"writes": secrets.randbits(40)}


def restore(connection: Connection, lost: Environment) -> bool:
    """Writes a lost record, or the claim into one that was made anew since; whether there was anything to write."""
    found = get(connection, lost.id)
    if found is None:
        connection.execute(insert(environments), [_new(lost)])
        return True
    if not is_restorable(found, lost):
        return False
    _write(connection, found, restored(found, lost))
    return True


def store(connection: Connection, known: Iterable[Environment], observed: Observed) -> None:
    """Writes what a look at the remote says about the `known` environments of a repository."""
    before = {environment.id: environment for environment in known}
    if observed.new:
        connection.execute(insert(environments), [_new(each) for each in observed.new])
    for after in observed.changed:
        _write(connection, before[after.id], revised(before[after.id], after))
