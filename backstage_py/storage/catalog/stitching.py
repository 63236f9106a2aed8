"""The store of stitching: what a final entity is made of, and the final entities with their search index."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py import threads
from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.model.search_rows import SearchRows
from backstage_py.storage import bulk
from backstage_py.storage.catalog import marks, queues, search_index
from backstage_py.storage.catalog.lease import Lease
from backstage_py.storage.catalog.tables import (
    final_entities,
    references,
    refresh_state,
    relations,
    search,
    search_nulls,
    stitch_queue,
)
from backstage_py.storage.database import Database, Transaction

_MANY = 500  # new or changed entities, after which the server's own look at its tables may come too late for readers
_ANALYZED = (search, search_nulls, final_entities, references, relations, refresh_state)


@dataclass(frozen=True, slots=True)
class Pieces:
    """What one final entity is made of.

    Attributes:
        id: the entity's number.
        ticket: of the queue.
        ref: the entity's reference.
        uid: the entity's UUID.
        processed: JSON text; None when processing never succeeded.
        relations: (type, target reference), sorted, each once.
        errors: serialised errors of its processing.
        child_errors: (reference, serialised error) of entities it brings that never were valid.
        is_orphan: nothing brings the entity any more.
        previous_hash: of the final entity that readers see now.
    """

    id: int
    ticket: int
    ref: str
    uid: str
    processed: bytes | None
    relations: list[tuple[str, str]]
    errors: list[JsonObject]
    child_errors: list[tuple[str, JsonObject]]
    is_orphan: bool
    previous_hash: str | None


@dataclass(frozen=True, slots=True)
class Final:
    """A final entity; without a text it has not changed, or there is nothing to show."""

    id: int
    ticket: int
    ref: str
    uid: str
    hash: str
    text: bytes | None
    rows: SearchRows | None


class StitchStore:
    """Reads pieces and writes final entities."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = 0
        self._known = 0

    async def claim(self, lease: Lease, most: int, *, busy: Collection[int] = ()) -> list[Pieces]:
        """Claim marked entities and return their pieces, in the order in which the entities came."""
        tickets = await self._database.write(
            lambda transaction: queues.claim(transaction.connection, stitch_queue, lease, most, busy),
            is_statement=True,
            is_repeatable=True,
        )
        return await self._database.read(lambda connection: _pieces(connection, tickets)) if tickets else []

    async def write(self, lease: Lease, finals: Sequence[Final]) -> None:
        """Write what has changed and take all of them out of the queue, unless they were marked again meanwhile.

        Raises:
            LeaseLostError: others may stitch these entities by now; nothing was written.
        """
        await marks.exclusively(self._database, lambda transaction: _write(transaction, lease, finals), lease=lease)
        self._written += sum(final.text is not None for final in finals)

    async def rest(self) -> None:
        """Tidy up after many writes."""
        if self._database.is_sqlite:
            await threads.remote_call("database", bulk.checkpoint, self._database.engine)
        elif self._written >= _MANY:
            await self._analyze()

    async def keep_up(self) -> None:
        """Amid many writes, let the server count whenever there is twice what it knows of.

        Readers ask meanwhile, and what it plans for tables that it takes for empty costs it more than the writes.
        """
        if not self._database.is_sqlite and self._written >= max(_MANY, self._known):
            await self._analyze()

    async def _analyze(self) -> None:
        await self._database.write(lambda transaction: bulk.analyze(transaction.connection, _ANALYZED))
        self._known += self._written
        self._written = 0

    async def is_idle(self) -> bool:
        """Say whether nothing is marked."""
        query = sa.select(stitch_queue.c.entity_id).limit(1)
        return await self._database.read(lambda connection: connection.execute(query).first() is None)


def _pieces(connection: sa.Connection, tickets: Mapping[int, int]) -> list[Pieces]:
    columns = refresh_state.c
    query = (
        sa.select(
            columns.id,
            columns.entity_ref,
            columns.uid,
            columns.processed,
            columns.relations,
            columns.errors,
            final_entities.c.hash,
        )
        .outerjoin_from(refresh_state, final_entities, final_entities.c.id == columns.id)
        .where(bulk.is_in(columns.id, list(tickets)))
        .order_by(columns.id)
    )
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    foreign = _foreign_relations(connection, [row.entity_ref for row in rows])
    held = _held(connection, ids)
    locations = [row.id for row in rows if row.entity_ref.startswith("location:")]
    child_errors = _child_errors(connection, locations) if locations else {}
    return [
        Pieces(
            id=row.id,
            ticket=tickets[row.id],
            ref=row.entity_ref,
            uid=row.uid,
            processed=row.processed,
            relations=_relations(row.entity_ref, row.relations, foreign.get(row.entity_ref, ())),
            errors=entities.of_text(row.errors) if row.errors else [],
            child_errors=child_errors.get(row.id, []),
            is_orphan=row.id not in held,
            previous_hash=row.hash,
        )
        for row in rows
    ]


def _relations(ref: str, own: bytes | None, foreign: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    listed = {(kind, target) for source, kind, target in entities.of_text(own) if source == ref} if own else set()
    return sorted(listed.union(foreign))


def _foreign_relations(connection: sa.Connection, refs: list[str]) -> dict[str, list[tuple[str, str]]]:
    columns = relations.c
    query = sa.select(columns.source_ref, columns.type, columns.target_ref).where(bulk.is_in(columns.source_ref, refs))
    found = defaultdict[str, list[tuple[str, str]]](list)
    for source, kind, target in connection.execute(query):
        found[source].append((kind, target))
    return found


def _held(connection: sa.Connection, ids: list[int]) -> set[int]:
    query = sa.select(references.c.target_id).where(bulk.is_in(references.c.target_id, ids)).distinct()
    return set(connection.execute(query).scalars())


def _child_errors(connection: sa.Connection, ids: list[int]) -> dict[int, list[tuple[str, JsonObject]]]:
    columns = refresh_state.c
    query = (
        sa.select(references.c.source_id, columns.entity_ref, columns.errors)
        .join(refresh_state, columns.id == references.c.target_id)
        .where(bulk.is_in(references.c.source_id, ids), columns.processed.is_(None), columns.errors.is_not(None))
        .order_by(columns.id)
    )
    found = defaultdict[int, list[tuple[str, JsonObject]]](list)
    for source, ref, errors in connection.execute(query):
        found[source] += [(ref, error) for error in entities.of_text(errors)]
    return found


def _write(transaction: Transaction, lease: Lease, finals: Sequence[Final]) -> None:
    connection = transaction.connection
    changed = [final for final in finals if final.text is not None]
    if changed:
        ids = [final.id for final in changed]
        query = sa.select(refresh_state.c.id).where(bulk.is_in(refresh_state.c.id, ids))
        alive = set(connection.execute(query).scalars())  # one may have been removed since it was read
        _write_changed(connection, [final for final in changed if final.id in alive])
        marks.grow_generation(transaction)
    queues.finish(transaction, stitch_queue, lease, [(final.id, final.ticket) for final in finals])
    transaction.wake(marks.STITCHED)


def _write_changed(connection: sa.Connection, finals: list[Final]) -> None:
    query = sa.select(final_entities.c.id, final_entities.c.entity).where(
        bulk.is_in(final_entities.c.id, [final.id for final in finals])
    )
    olds = {row[0]: row[1] for row in connection.execute(query)}
    search_index.replace(connection, [(final.id, olds.get(final.id), final.rows) for final in finals])
    new = [(final.id, final.ref, final.uid, final.hash, final.text) for final in finals if final.id not in olds]
    bulk.insert(connection, final_entities, new)
    bulk.update(
        connection,
        final_entities,
        ("hash", "entity"),
        "id",
        [(final.hash, final.text, final.id) for final in finals if final.id in olds],
    )
