"""The catalog's tables.

An entity has one number for as long as it exists; all tables refer to it by that. Those that are only ever looked up
by their whole key have no row ids in SQLite, so that the key is stored once.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

EntityNumber = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Number of an entity; in SQLite only a column that says INTEGER can be the row's own id."""

state = sa.Table(
    "catalog_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.BigInteger, nullable=False),  # grows with every commit that readers can see
    sa.Column("next_entity", sa.BigInteger, nullable=False),  # the number that the next new entity gets
    sa.Column("next_token", sa.BigInteger, nullable=False, server_default="1"),  # the one that the next lease gets
)

leases = sa.Table(
    "catalog_leases",  # who works on what; every write of shared work is conditional on one
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False, unique=True),
    sa.Column("holder", sa.Text, nullable=False),  # a process
    sa.Column("leased_until", sa.BigInteger, nullable=False),  # milliseconds of the database's clock
)

schedules = sa.Table(
    "catalog_schedules",  # when a provider's work is due next
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("due_at", sa.BigInteger, nullable=False),  # milliseconds of the database's clock
)

providers = sa.Table(
    "catalog_providers",  # how each provider does; moments are milliseconds of the database's clock
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("begun_at", sa.BigInteger),  # the newest reading
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("succeeded_at", sa.BigInteger),  # the newest one that did
    sa.Column("error", sa.Text),  # why the newest one failed; None when it did not
    *(
        sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        for name in ("entities", "runs", "failures", "events", "seen_event")
    ),
)

events = sa.Table(
    "catalog_events",  # what happened elsewhere, for the providers of all processes
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),  # JSON text
    sa.Column("metadata", sa.LargeBinary, nullable=False),  # JSON text
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,  # numbers are not used again
)

deliveries = sa.Table(
    "catalog_deliveries",  # what was delivered already, to refuse it the second time
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("received_at", sa.BigInteger, nullable=False),
)
sa.Index("catalog_deliveries_received", deliveries.c.received_at)

reads = sa.Table(
    "catalog_reads",  # answers of hosts, to ask the next time whether they have changed
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("etag", sa.Text),
    sa.Column("headers", sa.LargeBinary, nullable=False),  # JSON text
    sa.Column("body", sa.LargeBinary, nullable=False),  # zlib
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("fresh_until", sa.BigInteger, nullable=False, server_default="0"),  # until then nobody need be asked
)
sa.Index("catalog_reads_used", reads.c.used_at)

locations = sa.Table(
    "catalog_locations",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("entity_ref", sa.Text, nullable=False),
    sa.UniqueConstraint("type", "target"),
)

Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is ordered by its bytes everywhere, as cursors take for granted."""

refresh_state = sa.Table(
    "refresh_state",
    metadata,
    sa.Column("id", EntityNumber, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(36), nullable=False),
    sa.Column("entity_ref", sa.Text, nullable=False, unique=True),
    sa.Column("location_key", sa.Text),  # who may change the entity; None lets anybody
    sa.Column("unprocessed", sa.LargeBinary, nullable=False),  # JSON text, as it came from its source
    sa.Column("unprocessed_hash", sa.String(40), nullable=False),
    sa.Column("processed", sa.LargeBinary),  # JSON text; None until processing has succeeded once
    sa.Column("relations", sa.LargeBinary),  # JSON list of [source, type, target] that this entity gave rise to
    sa.Column("errors", sa.LargeBinary),  # JSON list; None without
    sa.Column("result_hash", sa.String(40)),  # None forces the next result to be written
    sa.Column("state", sa.LargeBinary),  # JSON: what processors remember, such as ETags
    sa.Column("is_volatile", sa.Boolean, nullable=False),  # depends on more than its own text: refreshed on schedule
    sa.Column("due_at", sa.BigInteger, nullable=False, server_default="0"),  # when that is; by the database's clock
)
sa.Index(
    "refresh_state_due",
    refresh_state.c.due_at,
    sqlite_where=refresh_state.c.is_volatile,
    postgresql_where=refresh_state.c.is_volatile,
)

references = sa.Table(
    "refresh_references",  # which provider (source_key) or entity (source_id, else 0) brought which entity
    metadata,
    sa.Column("source_id", EntityNumber, primary_key=True, autoincrement=False),
    sa.Column("source_key", sa.Text, primary_key=True),
    sa.Column("target_id", EntityNumber, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
sa.Index("refresh_references_target", references.c.target_id)

refresh_keys = sa.Table(
    "refresh_keys",  # what an entity was made from, e.g. url:https://…, to refresh it when that changes
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("entity_id", EntityNumber, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
sa.Index("refresh_keys_entity", refresh_keys.c.entity_id)

relations = sa.Table(
    "relations",  # those that another entity than their source gave rise to; own ones are in refresh_state
    metadata,
    sa.Column("source_ref", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("target_ref", sa.Text, primary_key=True),
    sa.Column("origin_id", EntityNumber, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)


def _index_claims(queue: sa.Table) -> None:
    claimed = queue.c.claim.is_not(None)
    sa.Index(f"{queue.name}_claim", queue.c.claim, sqlite_where=claimed, postgresql_where=claimed)


process_queue = sa.Table(
    "process_queue",  # entities to process now; the ticket grows when one is marked again meanwhile
    metadata,
    sa.Column("entity_id", EntityNumber, primary_key=True, autoincrement=False),
    sa.Column("ticket", sa.Integer, nullable=False),
    sa.Column("claim", sa.BigInteger),  # token of the lease of who works on it
)
sa.Index(
    "process_queue_claim",
    process_queue.c.claim,
    sqlite_where=process_queue.c.claim.is_not(None),
    postgresql_where=process_queue.c.claim.is_not(None),
)

stitch_queue = sa.Table(
    "stitch_queue",  # entities whose final form may have changed
    metadata,
    sa.Column("entity_id", EntityNumber, primary_key=True, autoincrement=False),
    sa.Column("ticket", sa.Integer, nullable=False),
    sa.Column("claim", sa.BigInteger),  # token of the lease of who works on it
)
sa.Index(
    "stitch_queue_claim",
    stitch_queue.c.claim,
    sqlite_where=stitch_queue.c.claim.is_not(None),
    postgresql_where=stitch_queue.c.claim.is_not(None),
)

final_entities = sa.Table(
    "final_entities",
    metadata,
    sa.Column("id", EntityNumber, primary_key=True, autoincrement=False),
    sa.Column("entity_ref", sa.Text, nullable=False, unique=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("hash", sa.String(40), nullable=False),
    sa.Column("entity", sa.LargeBinary, nullable=False),  # JSON text that readers hand through
)

search_keys = sa.Table(
    "search_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
)

search = sa.Table(
    "search",
    metadata,
    sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", Ordered, primary_key=True),  # in lower case
    sa.Column("entity_id", EntityNumber, primary_key=True, autoincrement=False),
    sa.Column("original", sa.Text),  # as written; None when that is the same
    sqlite_with_rowid=False,
)

sa.Index("search_entity", search.c.key_id, search.c.entity_id).ddl_if(dialect="postgresql")
"""What an entity has for a key. SQLite joins the other way round, and would only pay for it."""

search_nulls = sa.Table(
    "search_nulls",  # keys without a value, or with one that is too long to be searched
    metadata,
    sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("entity_id", EntityNumber, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
