"""How the providers of entities do, the events that they hear of, and what was read for them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COUNTERS = ("entities", "runs", "failures", "events", "seen_event")


def upgrade() -> None:
    """Create the tables; a replica of the version before leaves them as they are."""
    op.create_table(
        "catalog_providers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("begun_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("succeeded_at", sa.BigInteger),
        sa.Column("error", sa.Text),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _COUNTERS),
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "catalog_events",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("metadata", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_deliveries",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
    )
    op.create_index("catalog_deliveries_received", "catalog_deliveries", ["received_at"])
    op.create_table(
        "catalog_reads",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("etag", sa.Text),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.Column("fresh_until", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("catalog_reads_used", "catalog_reads", ["used_at"])


def downgrade() -> None:
    """Drop them."""
    for table in ("catalog_reads", "catalog_deliveries", "catalog_events", "catalog_providers"):
        op.drop_table(table)
