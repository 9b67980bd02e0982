"""What an environment waits for, that nothing moves there, and since when it is suspended are fields, not sentences.

The last release had the first two in messages alone, and the third in events: what they say is read here, once.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_IDENTITY = ("organization", "repository", "name", "application")
_ESCAPED = "\x1a"

# What a message begins with → what is waited for; the groups are the facts of its sentence, in their order.
_WAITS = tuple(
    (on, re.compile(pattern, re.DOTALL))
    for on, pattern in (
        ("confirmations", r"Branch .* seems gone \((\d+) of (\d+) confirmations?\)\."),
        ("grace-period", r"Branch .* is gone; grace period until (.+) UTC\."),
        ("max_at_once", r"Branches of .* went away together, more than destroy\.max_at_once \((\d+)\)"),
        ("history", r".* does not show branch .*, but its default branch has another history"),
        ("limits.environments", r"\S+ has (\d+) environments?, its limits\.environments is (\d+)"),
        ("drift.correct", r"Drift: .* It is not corrected, since "),
        ("protected", r"Branch .* is gone, but it is protected"),
        ("pattern", r"No pattern of \S+ matches branch .* any more(): left alone"),
        ("pattern", r"`branches` of \S+ exclude branch .* now \(by (.+)\): left alone"),
        ("application", r"Application \S+ is no longer in the configuration of \S+: left alone"),
        ("application", r"\S+ has several applications now, and this was applied before: left alone"),
        ("repository", r"Repository \S+ is not in the configuration: left alone"),
        ("organization", r"Organization \S+ is not in the configuration: left alone"),
        ("schedule", r"Its schedule (?:has|keeps) it down (?:until (.+?) UTC|for good);"),
        (
            "window",
            r"(?:Branch .* is (gone)\. )?No window for changes is open (?:until (.+?) UTC|and none will open)",
        ),
        ("need", r"Waits for (\S+), (?:of )?which "),
        ("dependents", r".* Waits for the end of (.+), made with its outputs\."),
        ("move", r"The state of \S+ is on its way between (.+) and (.+), so it is left alone"),
        ("adoption", r"The adoption of \S+ did not (?:come to its end|finish)"),
    )
)
_SILENT = re.compile(r" ?Silent since (\S+ \S+) UTC: it prints nothing new .* ends it\.$")
_SUSPENDING = sa.text(
    "SELECT organization, repository, name, application, max(at) AS at FROM events "
    "WHERE action IN ('suspended', 'cancelled') GROUP BY organization, repository, name, application"
)


def upgrade() -> None:
    """Adds the columns, with what messages and events say."""
    for name in ("waits", "silent_since", "suspended_at"):
        op.add_column("environments", sa.Column(name, _WORD))
    table = sa.table(
        "environments",
        *(
            sa.column(name)
            for name in (*_IDENTITY, "status", "message", "suspended", "waits", "silent_since")
        ),
        sa.column("suspended_at"),
    )
    connection = op.get_bind()
    suspended = {tuple(row[:4]): row.at for row in connection.execute(_SUSPENDING)}
    rows = connection.execute(
        sa.select(table).where(
            table.c.status.in_(("waiting", "running", "destroying")) | (table.c.suspended != "")
        )
    )
    for row in rows.mappings().all():
        identity = tuple(row[name] for name in _IDENTITY)
        said = _said(dict(row))
        if row["suspended"]:
            said["suspended_at"] = suspended.get(identity)
        if said:
            here = [table.c[name] == value for name, value in zip(_IDENTITY, identity, strict=True)]
            connection.execute(table.update().where(*here).values(**said))


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    message = row["message"]
    text = json.loads(message[1:]) if message[:1] == _ESCAPED else message
    if row["status"] == "waiting":
        waits = _waits(text)
        return {"waits": json.dumps(waits, separators=(",", ":"))} if waits else {}
    silent = _SILENT.search(text) if row["status"] in ("running", "destroying") else None
    if silent is None:
        return {}
    since = datetime.fromisoformat(silent[1]).replace(tzinfo=UTC).isoformat(timespec="microseconds")
    told = text[: silent.start()]
    kept = _ESCAPED + json.dumps(told) if message[:1] == _ESCAPED else told
    return {"message": kept, "silent_since": since}


def _waits(text: str) -> list[str]:
    for on, pattern in _WAITS:
        if found := pattern.match(text):
            return [on, *(fact or "" for fact in found.groups())]
    return []
