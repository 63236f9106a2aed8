"""How many moves the run of a task has recorded, so that none is recorded twice."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what it means is said in ``storage.scaffolder.tables``."""
    op.add_column("tasks", sa.Column("recorded", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("tasks", "recorded")
