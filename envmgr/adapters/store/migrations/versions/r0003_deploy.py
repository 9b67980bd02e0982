"""What deploying needs: the code that runs in an environment, and how it answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the columns to the environments, empty: nothing was deployed before."""
    with op.batch_alter_table("environments") as batch:
        for name in ("deployment", "health"):
            batch.add_column(sa.Column(name, _WORD))
