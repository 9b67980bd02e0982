"""An index by which runs past their retention are found, without reading all of them."""

from alembic import op

revision = "0031"
down_revision = "0029"


def upgrade() -> None:
    """Adds the index."""
    op.create_index("runs_finished", "runs", ["finished_at"])
