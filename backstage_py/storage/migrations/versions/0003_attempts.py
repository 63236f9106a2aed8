"""Which attempt ended a step: a column, empty for steps of before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what it means is said in ``storage.scaffolder.tables``."""
    op.add_column("task_steps", sa.Column("attempt", sa.Integer))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("task_steps", "attempt")
