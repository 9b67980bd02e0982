"""Findings have a table of their own: what stands, and since when, no longer hangs on events, which are pruned.

The last release told of them in events alone; what stands by these is taken over, so that nothing is announced twice.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TOLD = sa.text(
    "SELECT organization, repository, name, application, at, action, message FROM events "
    "WHERE action IN ('audit-finding', 'audit-gone', 'audited') ORDER BY id"
)


def upgrade() -> None:
    """Makes the tables, with what the events say."""
    findings = op.create_table(
        "findings",
        *(
            sa.Column(name, _WORD, nullable=False)
            for name in ("organization", "look", "key", "kind", "subject")
        ),
        sa.Column("environment", _WORD),
        *(sa.Column(name, _WORD, nullable=False) for name in ("told", "since", "seen_at")),
        sa.PrimaryKeyConstraint("organization", "look", "key", name="findings_pkey"),
    )
    looks = op.create_table(
        "looks",
        *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "look", "at")),
        sa.PrimaryKeyConstraint("organization", "look", name="looks_pkey"),
    )
    stand, looked = _known(op.get_bind().execute(_TOLD).all())
    op.bulk_insert(looks, [{"organization": name, "look": "audit", "at": at} for name, at in looked.items()])
    op.bulk_insert(
        findings, [{**each, "seen_at": looked.get(each["organization"], each["since"])} for each in stand]
    )


def _known(events: Iterable[sa.Row[Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """What was told of and is not gone since, and when each organization was last audited."""
    stand: dict[str, dict[str, Any]] = {}
    looked: dict[str, str] = {}
    for event in events:
        text = json.loads(event.message[1:]) if event.message[:1] == "\x1a" else event.message
        key, _, told = text.partition(": ")
        if event.action == "audited":
            looked[key] = event.at
        elif event.action == "audit-gone":
            stand.pop(key, None)
        elif key.count(" ") >= 2:
            organization, kind, subject = key.split(" ", 2)
            stand[key] = _finding(event, organization, kind, subject, told)
    return list(stand.values()), looked


def _finding(event: sa.Row[Any], organization: str, kind: str, subject: str, told: str) -> dict[str, Any]:
    application = f":{event.application}" if event.application else ""
    environment = f"{event.organization}/{event.repository}/{event.name}{application}"
    return {
        "organization": organization,
        "look": "audit",
        "key": sha256(f"{kind}\0{subject}".encode("utf-8", "surrogatepass")).hexdigest(),
        "kind": kind,
        "subject": _kept(subject),
        "environment": environment if event.name else None,
        "told": _kept(told),
        "since": event.at,
    }


def _kept(text: str) -> str:
    """As the newest release writes free text: what a database refuses is escaped."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "\x1a" + json.dumps(text)
    return "\x1a" + json.dumps(text) if "\0" in text or text[:1] == "\x1a" else text
