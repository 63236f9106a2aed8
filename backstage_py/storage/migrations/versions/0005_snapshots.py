"""Snapshots of workspaces as manifests and blobs; those of before stay readable in their table."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what the columns mean is said in ``storage.scaffolder.tables``."""
    op.create_table(
        "task_snapshots",
        sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("saved_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "task_blobs",
        sa.Column("task_id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("saved_at", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":  # what is sealed cannot be compressed, so do not try
        for table, column in (("task_snapshots", "manifest"), ("task_blobs", "content")):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("task_blobs")
    op.drop_table("task_snapshots")
