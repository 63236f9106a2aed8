"""Leases of the catalog's work, claims in its queues, and when things are due."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_QUEUES = ("process_queue", "stitch_queue")
altered = ("catalog_state", "refresh_state", *_QUEUES)
"""Locked together in the beginning: see ``storage.table_locks``."""


def upgrade() -> None:
    """Add them; a replica of the version before marks without a claim, and leaves what is volatile due at once."""
    op.create_table(
        "catalog_leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False, unique=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "catalog_schedules",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
    )
    op.add_column("catalog_state", sa.Column("next_token", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("refresh_state", sa.Column("due_at", sa.BigInteger, nullable=False, server_default="0"))
    due = sa.text("is_volatile")
    op.create_index("refresh_state_due", "refresh_state", ["due_at"], sqlite_where=due, postgresql_where=due)
    claimed = sa.text("claim IS NOT NULL")
    for queue in _QUEUES:
        op.add_column(queue, sa.Column("claim", sa.BigInteger))
        op.create_index(f"{queue}_claim", queue, ["claim"], sqlite_where=claimed, postgresql_where=claimed)


def downgrade() -> None:
    """Drop them; what was claimed is marked as before."""
    for queue in _QUEUES:
        op.drop_index(f"{queue}_claim", queue)
        op.drop_column(queue, "claim")
    op.drop_index("refresh_state_due", "refresh_state")
    op.drop_column("refresh_state", "due_at")
    op.drop_column("catalog_state", "next_token")
    op.drop_table("catalog_schedules")
    op.drop_table("catalog_leases")
