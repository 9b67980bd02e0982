"""Which leases have one of the places of their organization, which all hosts have together."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Adds the column: what is worked on by an older host counts for nothing until that is upgraded."""
    op.add_column("leases", sa.Column("placed", sa.Boolean(), nullable=False, server_default=sa.false()))
