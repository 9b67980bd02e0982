"""What is noted of the tag that an environment comes from, and where its commit was promoted from."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the columns."""
    op.add_column("environments", sa.Column("tagged", _TEXT))
    op.add_column("environments", sa.Column("promoted_from", _TEXT))
