"""What an entity has for a key is found at once on PostgreSQL."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index; SQLite joins the other way round."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("search_entity", "search", ["key_id", "entity_id"])


def downgrade() -> None:
    """Drop it."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("search_entity", "search")
