"""States that Terraform could not write to their backends, encrypted, until they are there."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0027"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "left_states",
        *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "repository", "name")),
        sa.Column("application", _WORD, nullable=False, server_default=sa.text("''")),
        sa.Column("run", sa.BigInteger, nullable=False),
        *(sa.Column(name, _WORD, nullable=False) for name in ("at", "content", "host")),
        sa.PrimaryKeyConstraint("organization", "repository", "name", "application", name="left_states_pkey"),
    )
