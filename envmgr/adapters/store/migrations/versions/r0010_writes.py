"""How often a record was written: what one of its writes is told from another by, whatever the clocks of those who write."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds the column."""
    op.add_column(
        "environments", sa.Column("writes", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
