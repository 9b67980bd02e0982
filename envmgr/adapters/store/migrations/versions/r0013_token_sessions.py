"""A session that a token began ends with that token."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the column; sessions of before were begun otherwise."""
    op.add_column("sessions", sa.Column("token", _WORD))
