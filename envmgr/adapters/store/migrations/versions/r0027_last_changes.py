"""What the last apply changed, for those who read of it where nobody had to approve it."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0024"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the column; of what was applied before nothing is known."""
    op.add_column("environments", sa.Column("changed", _WORD, nullable=False, server_default=sa.text("'[]'")))
