"""Queries on environments, within a transaction of the caller."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from envmgr.domain.environment import RESTORED, Environment, Status, is_restorable
from envmgr.domain.errors import UsageError
from envmgr.domain.names import EnvironmentId, RepositoryId
from envmgr.domain.observation import Observed

from . import rows
from .schema import environments

_OBSERVED = (
    "branch", "commit", "absences", "absent_since", "refused", "hold", "approved", "pushed_at", "updated_at",
)  # fmt: skip
_VERDICT = ("status", "message")
_UPDATABLE = frozenset(rows.ENVIRONMENT_FIELDS) - {"updated_at"}


def find(
    connection: Connection,
    organization: str | None,
    repository: RepositoryId | None,
    name: str | None = None,
    *,
    destroyed: bool,
) -> Sequence[Environment]:
    """Environments, by name."""
    query = select(environments).order_by(*(environments.c[name] for name in rows.IDENTITY))
    if organization is not None:
        query = query.where(environments.c.organization == organization)
    if repository is not None:
        query = query.where(rows.of_repository(environments, repository))
    if name is not None:
        query = query.where(environments.c.name == name)
    if not destroyed:
        query = query.where(environments.c.status != Status.DESTROYED)
    return [rows.environment(row) for row in connection.execute(query).all()]


def get(connection: Connection, identity: EnvironmentId) -> Environment | None:
    """One environment."""
    query = select(environments).where(rows.of_environment(environments, identity))
    row = connection.execute(query).one_or_none()
    return None if row is None else rows.environment(row)


def touched(connection: Connection, since: datetime) -> Sequence[RepositoryId]:
    """The repositories with an environment written since a time, by name.

    Asked every second: sorted here, since SQLite would sort by reading the whole table instead of the index.
    """
    columns = (environments.c.organization, environments.c.repository)
    found = connection.execute(select(*columns).where(environments.c.updated_at >= since))
    return [RepositoryId(organization, name) for organization, name in sorted(map(tuple, set(found)))]


def lock(connection: Connection, repository: RepositoryId) -> None:
    """Keeps other transactions from changing a repository's environments (SQLite's writers do anyway)."""
    query = select(environments.c.name).where(rows.of_repository(environments, repository))
    connection.execute(query.order_by(environments.c.name).with_for_update())


def change(connection: Connection, identity: EnvironmentId, values: Mapping[str, object]) -> Environment:
    """Writes columns of one environment and gives it as it is then; UsageError where there is none."""
    statement = update(environments).where(rows.of_environment(environments, identity))
    row = connection.execute(statement.values(**values).returning(*environments.c)).one_or_none()
    if row is None:
        raise UsageError(f"envmgr knows no environment {identity}: `envmgr list --all` shows all it knows.")
    return rows.environment(row)


def restore(connection: Connection, lost: Environment) -> bool:
    """Writes a lost record, or the claim into one that was made anew since; whether there was anything to write."""
    found = get(connection, lost.id)
    if found is None:
        connection.execute(insert(environments), [rows.environment_values(lost)])
        return True
    if not is_restorable(found, lost):
        return False
    change(connection, lost.id, {name: getattr(lost, name) for name in RESTORED})
    return True


def require_updatable(names: Iterable[str]) -> None:
    """TypeError where a name is no field of an environment that `update` may write."""
    if unknown := sorted(set(names) - _UPDATABLE):
        raise TypeError(f"an environment has no field to update named {', '.join(unknown)}")


def store(connection: Connection, known: Iterable[Environment], observed: Observed) -> None:
    """Writes what a look at the remote says about the `known` environments of a repository."""
    before = {environment.id: environment for environment in known}
    if observed.new:
        connection.execute(insert(environments), [rows.environment_values(e) for e in observed.new])
    for after in observed.changed:
        values = rows.environment_values(after)
        names = _columns(before[after.id], after)
        change(connection, after.id, {name: values[name] for name in names})


def _columns(before: Environment, after: Environment) -> tuple[str, ...]:
    is_reopened = not before.is_open or bool(before.refused and not after.refused and after.is_open)
    if is_reopened:
        return rows.ENVIRONMENT_FIELDS
    return _OBSERVED + _VERDICT if after.refused or not after.is_open else _OBSERVED
