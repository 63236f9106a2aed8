"""The scaffolder's tables: tasks, their events, finished steps, checkpoints and workspace snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what the columns mean is said in ``storage.scaffolder.tables``."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_by", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_heartbeat_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("starts_over", sa.Boolean, nullable=False),
        sa.Column("claim", sa.Integer, nullable=False, server_default="0"),
        sa.Column("worker", sa.String(64)),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("secrets", sa.LargeBinary),
    )
    op.create_index("tasks_by_status", "tasks", ["status", "created_at"])
    op.create_index("tasks_by_creation", "tasks", ["created_at"])
    op.create_index("tasks_by_creator", "tasks", ["created_by", "created_at"])
    op.create_table(
        "task_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("task_events_by_task", "task_events", ["task_id", "id"])
    op.create_table(
        "task_steps",
        sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "task_checkpoints",
        sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "task_workspaces",
        sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("saved_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("task_workspaces", "task_checkpoints", "task_steps", "task_events", "tasks"):
        op.drop_table(table)
