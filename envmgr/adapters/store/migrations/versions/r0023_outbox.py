"""What forges are still to be told, and what they were told last."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_KEY = ("organization", "repository", "kind", "name", "commit")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "tellings",
        *(sa.Column(name, _WORD, nullable=False) for name in (*_KEY, "document", "digest", "since")),
        sa.Column("is_last", sa.Boolean, nullable=False),
        sa.Column("said", _WORD, nullable=False),
        sa.Column("began", sa.Boolean, nullable=False),
        sa.Column("remote", _WORD, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try", _WORD),
        *(sa.Column(name, _WORD, nullable=False) for name in ("refused", "error")),
        *(sa.Column(name, _WORD) for name in ("owner", "taken_until")),
        sa.PrimaryKeyConstraint(*_KEY, name="tellings_pkey"),
    )
