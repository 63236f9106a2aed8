"""Marks and counters that several stores of the catalog set: queues, the generation, numbers of new entities."""

from collections.abc import Iterable
from typing import TypeVar

import sqlalchemy as sa

from backstage_py.storage import bulk
from backstage_py.storage.catalog.records import Changes
from backstage_py.storage.catalog.tables import process_queue, refresh_state, state, stitch_queue
from backstage_py.storage.database import Database, Transaction, WriteFunction
from backstage_py.storage.prepared import Prepared

T = TypeVar("T")

PROCESS = "catalog-process"
STITCH = "catalog-stitch"
PROCESSED = "catalog-processed"
STITCHED = "catalog-stitched"
"""Topics to wait for: entities to process, entities to stitch, some were processed, readers have something new."""


async def exclusively(database: Database, function: WriteFunction[T]) -> T:
    """Run a write while no other one changes the catalog: claims look first and write then.

    SQLite has one writer anyway; elsewhere the row of the state is the lock.
    """

    def run(transaction: Transaction) -> T:
        transaction.connection.execute(_LOCK)
        return function(transaction)

    return await database.write(run)


def take_numbers(connection: sa.Connection, count: int) -> int:
    """Reserve numbers for ``count`` new entities and return the first."""
    query = sa.update(state).values(next_entity=state.c.next_entity + count).returning(state.c.next_entity)
    return int(connection.execute(query).scalar_one()) - count


def grow_generation(transaction: Transaction) -> None:
    """Tell readers that what they have cached may no longer hold."""
    transaction.connection.execute(sa.update(state).values(generation=state.c.generation + 1))
    transaction.wake(STITCHED)


def generation(connection: sa.Connection) -> int:
    """Return the number that grows with every commit that readers can see; what is read next belongs to it."""
    if not connection.in_transaction():
        connection.begin()
    return int(_GENERATION.all(connection, {})[0][0])


_GENERATION = Prepared(sa.select(state.c.generation))
_LOCK = sa.select(state.c.id).with_for_update()


def write(transaction: Transaction, changes: Changes) -> None:
    """Put into the queues what has changed."""
    connection = transaction.connection
    stitch = changes.stitch | ids_of(connection, changes.stitch_refs)
    if stitch:
        bulk.mark(connection, stitch_queue, stitch)
        transaction.wake(STITCH)
    if changes.process:
        bulk.mark(connection, process_queue, changes.process)
        transaction.wake(PROCESS)


def ids_of(connection: sa.Connection, refs: Iterable[str]) -> set[int]:
    """Return the numbers of the entities that exist among ``refs``."""
    listed = sorted(refs)
    if not listed:
        return set()
    query = sa.select(refresh_state.c.id).where(bulk.is_in(refresh_state.c.entity_ref, listed))
    return set(connection.execute(query).scalars())
