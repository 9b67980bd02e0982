"""What the cloud calls an environment's resources: a tag is no proof of whose they are."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the column; what it has to say comes with the next apply, or look into the state."""
    op.add_column(
        "environments", sa.Column("identifiers", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"))
    )
