"""The tables of what comes from others unasked, and of how far others are told."""

import json
from collections.abc import Collection

from sqlalchemy import BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, Table

from envmgr.adapters.store.columns import KEY, encoded, free_text, moment
from envmgr.domain.values.names import EnvironmentId


def hints_table(metadata: MetaData) -> Table:
    """What webhooks said may have changed, until the daemon looks."""
    return Table(
        "hints",
        metadata,
        Column("organization", KEY, nullable=False),
        Column("repository", KEY, nullable=False),
        Column("at", moment(), nullable=False),
        PrimaryKeyConstraint("organization", "repository", name="hints_pkey"),
    )


def positions_table(metadata: MetaData) -> Table:
    """How far each of those has been told who are told of events."""
    return Table(
        "positions",
        metadata,
        Column("target", KEY, primary_key=True),
        Column("organization", KEY, nullable=False),
        Column("after", BigInteger, nullable=False),
        Column("bad", encoded(_dump, _load), nullable=False),
        Column("failures", Integer, nullable=False),
        Column("failing_since", moment()),
        Column("retry_at", moment()),
        Column("error", free_text(), nullable=False),
        Column("held_by", KEY),
        Column("held_until", moment()),
    )


def _dump(found: Collection[EnvironmentId]) -> str:
    return json.dumps(sorted(map(str, found)))


def _load(text: str) -> frozenset[EnvironmentId]:
    return frozenset(map(EnvironmentId.parse, json.loads(text)))
