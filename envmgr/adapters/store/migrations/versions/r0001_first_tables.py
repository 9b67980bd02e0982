"""The first release's tables: environments, leases, runs, events, repositories.

Written out and never changed: later releases add migrations.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables in an empty database."""
    _environments()
    _leases()
    _runs()
    _events()
    _repositories()


def _text(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, _WORD, nullable=nullable) for name in names]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _identity() -> list[sa.Column[str]]:
    return [sa.Column(name, _WORD, primary_key=True) for name in ("organization", "repository", "name")]


def _environments() -> None:
    op.create_table(
        "environments",
        *_identity(),
        *_text("branch", "commit", "status", "message"),
        _number("absences"),
        *_text("absent_since", nullable=True),
        *_text("refused"),
        *_text("claim", "applied_commit", "applied_fingerprint", "applied_inputs", nullable=True),
        *_text("outputs", "resources"),
        *_text("url", nullable=True),
        *_text("suspended"),
        *_text("suspended_commit", "hold", "approved", nullable=True),
        _number("failures"),
        *_text("failed_on"),
        *_text("retry_at", "expires_at", "pushed_at", nullable=True),
        *_text("created_at", "updated_at"),
    )
    op.create_index("environments_updated", "environments", ["updated_at"])


def _leases() -> None:
    op.create_table(
        "leases",
        *_identity(),
        sa.Column("generation", sa.BigInteger, nullable=False),
        *_text("owner", nullable=True),
        *_text("purpose", "acquired_at", "expires_at"),
    )
    op.create_index("leases_expiry", "leases", ["expires_at"])


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _ROW_ID, primary_key=True),
        *_text(
            "organization", "repository", "name", "kind", "commit", "status", "started_at", "owner", "actor"
        ),
        *_text("child", "lock_id", "finished_at", "changes", nullable=True),
        *_text("message", "log"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_environment", "runs", ["organization", "repository", "name", "id"])
    op.create_index("runs_status", "runs", ["status", "id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _ROW_ID, primary_key=True),
        *_text("organization", "repository", "name", nullable=True),
        *_text("at", "action", "message", "actor"),
        *_text("commit", nullable=True),
        sa.Column("run", _ROW_ID),
        sqlite_autoincrement=True,
    )
    op.create_index("events_environment", "events", ["organization", "repository", "name", "id"])
    op.create_index("events_at", "events", ["at"])


def _repositories() -> None:
    op.create_table(
        "repositories",
        sa.Column("organization", _WORD, primary_key=True),
        sa.Column("name", _WORD, primary_key=True),
        *_text("default_branch", "listing_digest", "polled_at", "succeeded_at", nullable=True),
        _number("failures"),
        *_text("error"),
    )
