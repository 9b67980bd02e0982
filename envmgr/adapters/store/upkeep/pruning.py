"""What is deleted once it is older than a time; leases stay, so that no generation goes back."""

from datetime import datetime

from sqlalchemy import Delete, delete

from envmgr.adapters.store import schema
from envmgr.adapters.store.forge.pull_requests import old_pull_requests
from envmgr.adapters.store.pipeline.pipeline import outdated
from envmgr.domain.rules.approval.words import KEPT_FOR_GOOD
from envmgr.domain.values.environment import RunStatus, Status


def old_records(before: datetime) -> tuple[Delete, ...]:
    """The statements that delete it."""
    environments, runs, events = schema.environments, schema.runs, schema.events
    return (
        delete(environments).where(
            environments.c.status == Status.DESTROYED, environments.c.updated_at < before
        ),
        delete(runs).where(runs.c.status != RunStatus.RUNNING, runs.c.finished_at < before),
        delete(events).where(events.c.at < before, events.c.action.not_in(KEPT_FOR_GOOD)),
        delete(schema.requests).where(schema.requests.c.finished_at < before),
        delete(schema.sessions).where(schema.sessions.c.expires_at < before),
        *outdated(before),
        old_pull_requests(before),
    )
