"""Marks and counters that several stores of the catalog set: queues, the generation, numbers of new entities."""

import asyncio
import contextlib
from collections.abc import Iterable
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from backstage_py.metrics import catalog as counted
from backstage_py.storage import bulk
from backstage_py.storage.catalog.lease import Lease, refuse_lost
from backstage_py.storage.catalog.records import Changes
from backstage_py.storage.catalog.tables import process_queue, refresh_state, state, stitch_queue
from backstage_py.storage.database import Database, Transaction, WriteFunction
from backstage_py.storage.faults import BusyError
from backstage_py.storage.prepared import Prepared

T = TypeVar("T")

PROCESS = "catalog-process"
STITCH = "catalog-stitch"
PROCESSED = "catalog-processed"
STITCHED = "catalog-stitched"
LEASES = "catalog-leases"
"""Topics to wait for: entities to process, entities to stitch, some were processed, readers have something new, and
leases that are free.
"""


async def exclusively(
    database: Database, function: WriteFunction[T], *, lease: Lease | None = None, is_repeatable: bool = False
) -> T:
    """Run a write while no other one changes the catalog: claims look first and write then.

    SQLite has one writer anyway; elsewhere the row of the state is the lock. One write of this process waits for it at
    a time, so that tasks find a connection; a holder that is silent is made to let go. What belongs to a lease may be
    repeated: it says what shall be there. For other writes see ``Database.write``.

    Raises:
        LeaseLostError: the lease that the write belongs to has ended. BusyError: others had the lock all the time.
    """

    def run(transaction: Transaction) -> T:
        if not database.is_sqlite:
            _LOCK.all(transaction.connection, {"name": "lock_timeout", "wait": f"{_WAIT_SECONDS}s", "local": True})
        if lease:
            refuse_lost(transaction.connection, lease)
        return function(transaction)

    if database.is_sqlite:
        return await database.write(run)
    is_repeatable = is_repeatable or lease is not None
    write = partial(database.write, run, is_repeatable=is_repeatable, is_patient=False)

    async def take_turn() -> T:
        async with _turns.setdefault(database, asyncio.Lock()):
            for _ in range(_TRIES - 1):
                with contextlib.suppress(BusyError):
                    return await write()
                await database.read(
                    lambda connection: _END_SILENT.all(connection, {"seconds": _SILENT_SECONDS}), is_patient=False
                )
            return await write()

    return await database.survive(take_turn, is_repeatable=is_repeatable)


_TRIES = 5
_WAIT_SECONDS = 5
"""So long a write waits for the lock before it looks who has it."""
_SILENT_SECONDS = 15
_turns: WeakKeyDictionary[Database, asyncio.Lock] = WeakKeyDictionary()


def take_numbers(connection: sa.Connection, count: int) -> int:
    """Reserve numbers for ``count`` new entities and return the first."""
    query = sa.update(state).values(next_entity=state.c.next_entity + count).returning(state.c.next_entity)
    return int(connection.execute(query).scalar_one()) - count


def take_token(connection: sa.Connection) -> int:
    """Return a number that no lease had before."""
    query = sa.update(state).values(next_token=state.c.next_token + 1).returning(state.c.next_token)
    return int(connection.execute(query).scalar_one()) - 1


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
_LOCK = Prepared(
    sa.select(state.c.id, sa.func.set_config(*map(sa.bindparam, ("name", "wait", "local")))).with_for_update()
)
_END_SILENT = Prepared(
    sa.text(
        # A client that was stopped or cut off within a transaction says nothing more; the system keeps its connection,
        # and the server its locks. Any session of the same role may end it.
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = current_user AND pid <> pg_backend_pid() AND state <> 'idle' AND wait_event = 'ClientRead'"
        " AND greatest(query_start, state_change) < clock_timestamp() - make_interval(secs => :seconds)"
        " AND pid IN (SELECT pid FROM pg_locks WHERE granted AND relation = 'catalog_state'::regclass)"
    )
)


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
    for result, number in changes.processed.items():
        transaction.after_commit(partial(counted.PROCESSED.inc, result, amount=number))


def ids_of(connection: sa.Connection, refs: Iterable[str]) -> set[int]:
    """Return the numbers of the entities that exist among ``refs``."""
    listed = sorted(refs)
    if not listed:
        return set()
    query = sa.select(refresh_state.c.id).where(bulk.is_in(refresh_state.c.entity_ref, listed))
    return set(connection.execute(query).scalars())
