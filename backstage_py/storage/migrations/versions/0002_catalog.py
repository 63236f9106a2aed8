"""The catalog's tables: locations, refresh state, queues, stitched entities and their search index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, primary_key=key, nullable=False, autoincrement=False)


def upgrade() -> None:
    """Create the tables; what the columns mean is said in ``storage.catalog.tables``."""
    state = op.create_table(
        "catalog_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("next_entity", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "generation": 0, "next_entity": 1}])
    op.create_table(
        "catalog_locations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("entity_ref", sa.Text, nullable=False),
        sa.UniqueConstraint("type", "target"),
    )
    op.create_table(
        "refresh_state",
        _number("id", key=True),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("entity_ref", sa.Text, nullable=False, unique=True),
        sa.Column("location_key", sa.Text),
        sa.Column("unprocessed", sa.LargeBinary, nullable=False),
        sa.Column("unprocessed_hash", sa.String(40), nullable=False),
        sa.Column("processed", sa.LargeBinary),
        sa.Column("relations", sa.LargeBinary),
        sa.Column("errors", sa.LargeBinary),
        sa.Column("result_hash", sa.String(40)),
        sa.Column("state", sa.LargeBinary),
        sa.Column("is_volatile", sa.Boolean, nullable=False),
    )
    volatile = sa.text("is_volatile")
    op.create_index("refresh_state_volatile", "refresh_state", ["id"], sqlite_where=volatile, postgresql_where=volatile)
    op.create_table(
        "refresh_references",
        _number("source_id", key=True),
        sa.Column("source_key", sa.Text, primary_key=True),
        _number("target_id", key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("refresh_references_target", "refresh_references", ["target_id"])
    op.create_table(
        "refresh_keys",
        sa.Column("key", sa.Text, primary_key=True),
        _number("entity_id", key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("refresh_keys_entity", "refresh_keys", ["entity_id"])
    op.create_table(
        "relations",
        sa.Column("source_ref", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("target_ref", sa.Text, primary_key=True),
        _number("origin_id", key=True),
        sqlite_with_rowid=False,
    )
    for queue in ("process_queue", "stitch_queue"):
        op.create_table(queue, _number("entity_id", key=True), sa.Column("ticket", sa.Integer, nullable=False))
    op.create_table(
        "final_entities",
        _number("id", key=True),
        sa.Column("entity_ref", sa.Text, nullable=False, unique=True),
        sa.Column("uid", sa.String(36), nullable=False, unique=True),
        sa.Column("hash", sa.String(40), nullable=False),
        sa.Column("entity", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "search_keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "search",
        sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), primary_key=True),
        _number("entity_id", key=True),
        sa.Column("original", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_nulls",
        sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
        _number("entity_id", key=True),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables; registered locations are lost, all else can be read again."""
    for table in (
        "search_nulls",
        "search",
        "search_keys",
        "final_entities",
        "stitch_queue",
        "process_queue",
        "relations",
        "refresh_keys",
        "refresh_references",
        "refresh_state",
        "catalog_locations",
        "catalog_state",
    ):
        op.drop_table(table)
