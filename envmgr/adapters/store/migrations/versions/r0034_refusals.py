"""Hosts that may not work, as another one has their name or their ID: apart from those that may, so that nobody counts them."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "refusals",
        *(
            sa.Column(name, _WORD, nullable=False)
            for name in ("id", "boot", "process", "version", "why", "beat_at")
        ),
        sa.PrimaryKeyConstraint("id", "boot", name="refusals_pkey"),
    )
