"""What keeping an environment true needs: suspensions by cause, rollbacks, schedules, warnings and drift.

Those that were suspended before were so by a person, or by their time to live, which a push ends.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the columns to the environments, all empty but for who suspended them."""
    with op.batch_alter_table("environments") as batch:
        for name in ("suspended_by", "resumed_at", "warned_at", "pin", "schedule", "drift"):
            batch.add_column(sa.Column(name, _WORD))
    op.execute(
        "UPDATE environments SET suspended_by = CASE WHEN suspended_commit IS NULL THEN 'person' ELSE 'ttl' END "
        "WHERE suspended <> ''"
    )
