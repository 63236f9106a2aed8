"""What a platform is measured by: facts that outlive the tasks and deliveries that they are about."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TEXTS = ("repository", "entity_ref", "template_ref", "owner_ref", "subject", "environment", "revision")


def upgrade() -> None:
    """Create the table; a replica of the version before knows nothing of it."""
    op.create_table(
        "platform_events",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text) for name in _TEXTS),
        sa.Column("traits", sa.Text, nullable=False),
    )
    op.create_index("platform_events_at", "platform_events", ["at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("platform_events")
