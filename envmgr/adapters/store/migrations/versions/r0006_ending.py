"""Whether what an environment has is being destroyed: from then on no wish calls that off."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("environments", sa.Column("ending", sa.Boolean, nullable=False, server_default=sa.false()))
