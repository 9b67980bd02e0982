"""A database is known by an identity of its own: a data folder remembers which one it works with."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the table, with the identity of this database as its only row."""
    table = op.create_table(
        "identity",
        sa.Column("id", _WORD, primary_key=True),
        sa.Column("copied_from", _WORD),
    )
    op.bulk_insert(table, [{"id": uuid4().hex}])
