"""What webhooks hint at, and how far those have been told who are told of events."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "hints",
        *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "repository", "at")),
        sa.PrimaryKeyConstraint("organization", "repository", name="hints_pkey"),
    )
    op.create_table(
        "positions",
        *(sa.Column(name, _WORD, nullable=False) for name in ("target", "organization")),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("bad", _WORD, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        *(sa.Column(name, _WORD) for name in ("failing_since", "retry_at")),
        sa.Column("error", _WORD, nullable=False),
        *(sa.Column(name, _WORD) for name in ("held_by", "held_until")),
        sa.PrimaryKeyConstraint("target"),
    )
