"""How far the clock of each host is from the database's."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Adds the column: of an older host nothing is known, so it counts as right."""
    op.add_column("hosts", sa.Column("ahead", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
