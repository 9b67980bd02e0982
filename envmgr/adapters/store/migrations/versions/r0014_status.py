"""How many environments stand at each status, and those at one of them, are found without reading every record."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Adds the index; it has all that the counts need."""
    op.create_index("environments_status", "environments", ["status", "organization", "repository", "name"])
