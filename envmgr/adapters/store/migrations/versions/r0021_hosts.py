"""Who works by these records."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _words(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, _WORD, nullable=False) for name in names)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "hosts",
        *_words("id", "process", "version", "schema"),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("serves", "draining", "forgotten")),
        *_words("started_at", "beat_at", "configurations"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "configurations",
        *_words("organization", "digest", "since"),
        sa.PrimaryKeyConstraint("organization", "digest", name="configurations_pkey"),
    )
    op.create_table(
        "polls",
        *_words("organization", "name", "host"),
        sa.PrimaryKeyConstraint("organization", "name", name="polls_pkey"),
    )
