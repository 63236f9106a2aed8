"""Wakes as rows, for PostgreSQL behind a pooler of transactions. Losing them in a crash does no harm."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; what it is for is said in ``storage.wakes.table``."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "wakes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("sender", sa.String(16), nullable=False),
        sa.Column("topics", sa.Text, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        prefixes=["UNLOGGED"] if is_postgresql else [],
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("wakes")
