"""What an absence rests on: the history that a repository was known by."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the columns to the repositories, empty: the next look at each fills them."""
    with op.batch_alter_table("repositories") as batch:
        for name in ("known_commit", "known_address", "offered_commit"):
            batch.add_column(sa.Column(name, _WORD))
