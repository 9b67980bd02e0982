"""An environment's record has the plan that waits for approval, and what people said of it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the column."""
    op.add_column("environments", sa.Column("proposal", _WORD))
