"""Pull requests as their forges told of them last, and at which git ref of a pull request an environment's commit is."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TOLD = ("url", "title", "author", "state", "head", "base")


def upgrade() -> None:
    """Makes the table, adds the column."""
    op.create_table(
        "pull_requests",
        *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "repository")),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, _WORD, nullable=False) for name in _TOLD),
        sa.Column("commit", _WORD),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("is_from_fork", "is_draft")),
        sa.Column("labels", _WORD, nullable=False),
        sa.Column("updated_at", _WORD),
        *(sa.Column(name, _WORD, nullable=False) for name in ("first_seen_at", "seen_at")),
        sa.Column("permission", _WORD),
        sa.Column("closed", sa.Integer, nullable=False),
        sa.Column("closed_at", _WORD),
        sa.Column("is_lost", sa.Boolean, nullable=False),
        *(sa.Column(name, _WORD) for name in ("approved", "read_until")),
        *(sa.Column(name, _WORD, nullable=False) for name in ("read", "commands")),
        sa.PrimaryKeyConstraint("organization", "repository", "number", name="pull_requests_pkey"),
    )
    op.add_column("environments", sa.Column("origin_ref", _WORD))
