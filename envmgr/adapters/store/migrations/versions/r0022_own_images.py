"""Named environments may follow images of their own; and events are found by their action."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_IMAGES = (
    *(sa.Column(name, _WORD, nullable=False) for name in ("organization", "repository", "name", "variable")),
    sa.Column("asked", _WORD, nullable=False),
    sa.Column("reference", _WORD),
    sa.Column("tag", _WORD, nullable=False),
    sa.Column("changed_at", _WORD),
    sa.Column("error", _WORD, nullable=False),
)


def upgrade() -> None:
    """Makes the table of images anew with its few rows, as its key is another, and adds the index."""
    connection = op.get_bind()
    before = [dict(row) for row in connection.execute(sa.text("SELECT * FROM images")).mappings()]
    op.drop_table("images")
    key = sa.PrimaryKeyConstraint("organization", "repository", "name", "variable", name="images_pkey")
    table = op.create_table("images", *_IMAGES, key)
    if before:
        op.bulk_insert(table, [{**row, "name": ""} for row in before])
    op.create_index("events_action", "events", ["action", "id"])
