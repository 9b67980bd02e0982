"""The port `PullRequests` on a SQL database."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    RowMapping,
    and_,
    delete,
    exists,
    insert,
    select,
    update,
)

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import environments, pull_requests
from envmgr.domain.values.environment import Status
from envmgr.domain.values.environment.origin import OriginKind
from envmgr.domain.values.forge import KnownPullRequest, PullRequest, PullRequestState
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.pull_requests import KnownChange

_TOLD = tuple(field.name for field in fields(PullRequest) if field.compare)
_OWN = tuple(field.name for field in fields(KnownPullRequest) if field.name not in ("repository", "told"))


class SqlPullRequests:
    """What is known of pull requests; see `envmgr.ports.pull_requests`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def all(self, repository: RepositoryId) -> Sequence[KnownPullRequest]:
        """All of a repository, by number."""
        query = select(pull_requests).where(_of(repository)).order_by(pull_requests.c.number)
        with self._database.read() as connection:
            return [_known(row) for row in connection.execute(query).mappings()]

    def get(self, repository: RepositoryId, number: int) -> KnownPullRequest | None:
        """One of them."""
        with self._database.read() as connection:
            return _get(connection, repository, number)

    def change(self, repository: RepositoryId, number: int, change: KnownChange) -> KnownPullRequest | None:
        """Writes what a change makes of one."""
        with self._database.read() as connection:
            before = _get(connection, repository, number)
        if change(before) in (None, before):
            return before  # the usual look waits for no lock
        with self._database.write() as connection:
            self._database.serialize(connection, f"pull request {repository} {number}")
            before = _get(connection, repository, number)
            after = change(before)
            if after is None or after == before:
                return before
            if before is None:
                connection.execute(insert(pull_requests).values(**_values(after)))
            else:
                where = and_(_of(repository), pull_requests.c.number == number)
                connection.execute(update(pull_requests).where(where).values(**_values(after)))
            return after


def old_pull_requests(before: datetime) -> Delete:
    """Deletes those that were closed before a time and have no environment any more."""
    has_one = and_(
        environments.c.organization == pull_requests.c.organization,
        environments.c.repository == pull_requests.c.repository,
        environments.c.origin == OriginKind.PULL_REQUEST,
        environments.c.number == pull_requests.c.number,
        environments.c.status != Status.DESTROYED,
    )
    return delete(pull_requests).where(
        pull_requests.c.state != PullRequestState.OPEN,
        pull_requests.c.seen_at < before,
        ~exists().where(has_one),
    )


def _of(repository: RepositoryId) -> ColumnElement[bool]:
    return and_(
        pull_requests.c.organization == repository.organization, pull_requests.c.repository == repository.name
    )


def _get(connection: Connection, repository: RepositoryId, number: int) -> KnownPullRequest | None:
    query = select(pull_requests).where(_of(repository), pull_requests.c.number == number)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _known(row)


def _known(row: RowMapping) -> KnownPullRequest:
    told = PullRequest(**{name: row[name] for name in _TOLD})
    repository = RepositoryId(row["organization"], row["repository"])
    return KnownPullRequest(repository=repository, told=told, **{name: row[name] for name in _OWN})


def _values(known: KnownPullRequest) -> dict[str, Any]:
    place = {"organization": known.repository.organization, "repository": known.repository.name}
    told = {name: getattr(known.told, name) for name in _TOLD}
    return {**place, **told, **{name: getattr(known, name) for name in _OWN}}
