"""Queries on events, within a transaction of the caller."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import EnvironmentId

from . import rows
from .schema import events


def append(connection: Connection, event: Event) -> None:
    """Adds an event; its id is given by the database."""
    connection.execute(insert(events).values(**rows.event_values(event)))


def find(
    connection: Connection,
    environment: EnvironmentId | None,
    since: datetime | None,
    after: int,
    limit: int | None,
    actions: Collection[str] | None,
) -> Sequence[Event]:
    """Events in order; with a limit the newest ones."""
    query = select(events).where(events.c.id > after).order_by(events.c.id.desc()).limit(limit)
    if environment is not None:
        query = query.where(rows.of_environment(events, environment))
    if since is not None:
        query = query.where(events.c.at >= since)
    if actions is not None:
        query = query.where(events.c.action.in_(actions))
    return [rows.event(row) for row in connection.execute(query)][::-1]
