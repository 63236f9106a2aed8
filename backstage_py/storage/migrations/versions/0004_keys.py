"""The keys of the service, shared by its processes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; what the columns mean is said in ``storage.keys.tables``."""
    op.create_table(
        "service_keys",
        sa.Column("purpose", sa.String(16), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("generation", sa.Integer),
        sa.Column("is_bare", sa.Boolean, nullable=False),
        sa.Column("public", sa.Text),
        sa.Column("content", sa.LargeBinary),
        sa.Column("wrapped_by", sa.String(16)),
        sa.Column("used_from", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.UniqueConstraint("purpose", "generation"),
    )


def downgrade() -> None:
    """Drop the table: tokens become void, and what was sealed with its keys can no longer be read."""
    op.drop_table("service_keys")
