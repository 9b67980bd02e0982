"""What was built of a commit, which images there are, what was ready where, and what an environment's tests said."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables and adds the column."""
    op.create_table(
        "releases",
        *_identity(),
        *(sa.Column(name, _WORD, nullable=False) for name in ("commit", "ready_at")),
        sa.Column("tested_at", _WORD),
        sa.PrimaryKeyConstraint(
            "organization", "repository", "name", "application", "commit", name="releases_pkey"
        ),
    )
    op.create_table(
        "builds",
        sa.Column("key", _WORD, nullable=False),
        *_identity(),
        sa.Column("commit", _WORD, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("began_at", _WORD, nullable=False),
        sa.Column("built_at", _WORD),
        sa.Column("run", _ROW_ID),
        sa.Column("variables", _WORD, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "images",
        *(
            sa.Column(name, _WORD, nullable=False)
            for name in ("organization", "repository", "variable", "asked")
        ),
        sa.Column("reference", _WORD),
        sa.Column("tag", _WORD, nullable=False),
        sa.Column("changed_at", _WORD),
        sa.Column("error", _WORD, nullable=False),
        sa.PrimaryKeyConstraint("organization", "repository", "variable", name="images_pkey"),
    )
    op.add_column("environments", sa.Column("tests", _WORD))


def _identity() -> tuple[sa.Column[str], ...]:
    names = ("organization", "repository", "name")
    last = sa.Column("application", _WORD, nullable=False, server_default=sa.text("''"))
    return (*(sa.Column(name, _WORD, nullable=False) for name in names), last)
