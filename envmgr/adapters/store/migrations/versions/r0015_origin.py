"""What an environment comes from: a branch, a tag or a pull request; all that are there come from branches."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the columns."""
    op.add_column(
        "environments", sa.Column("origin", _WORD, nullable=False, server_default=sa.text("'branch'"))
    )
    op.add_column("environments", sa.Column("named", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("environments", sa.Column("number", sa.Integer))
    op.add_column("environments", sa.Column("origin_url", _WORD))
