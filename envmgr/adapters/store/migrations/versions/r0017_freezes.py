"""What is frozen."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "freezes",
        *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "repository")),
        sa.Column("in_file", sa.Boolean, nullable=False),
        *(sa.Column(name, _WORD, nullable=False) for name in ("reason", "by", "since")),
        sa.Column("until", _WORD),
        sa.PrimaryKeyConstraint("organization", "repository", "in_file", name="freezes_pkey"),
    )
