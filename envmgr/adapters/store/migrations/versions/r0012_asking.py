"""Tokens, sessions of people who signed in, and what was asked for over the network."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "tokens",
        sa.Column("name", _WORD, nullable=False),
        sa.Column("digest", _WORD, nullable=False),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("organization", _WORD),
        sa.Column("repository", _WORD),
        sa.Column("created_at", _WORD, nullable=False),
        sa.Column("created_by", _WORD, nullable=False),
        sa.Column("expires_at", _WORD),
        sa.Column("used_at", _WORD),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("tokens_digest", "tokens", ["digest"], unique=True)
    op.create_table(
        "sessions",
        *(
            sa.Column(name, _WORD, nullable=False)
            for name in ("digest", "name", "groups", "csrf", "created_at", "expires_at")
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    _requests()


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", _ROW_ID, primary_key=True),
        *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "repository", "name")),
        sa.Column("application", _WORD, nullable=False, server_default=sa.text("''")),
        *(
            sa.Column(name, _WORD, nullable=False)
            for name in ("action", "options", "asker", "commit", "asked_at")
        ),
        sa.Column("key", _WORD),
        *(sa.Column(name, _WORD, nullable=False) for name in ("digest", "status", "message")),
        *(sa.Column(name, _WORD) for name in ("owner", "started_at", "finished_at")),
        sa.Column("result", _WORD, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("requests_key", "requests", ["key"], unique=True)
    op.create_index("requests_status", "requests", ["status", "id"])
