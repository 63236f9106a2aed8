"""The queues: entities are marked, claimed under a lease, and taken out when what was marked is done.

A row belongs to the lease whose token it bears. One that is marked again meanwhile has another ticket, so that it stays
and is done again. Whoever holds a lease may claim anew what it has claimed: the answer to a claim can be lost.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from backstage_py.storage import bulk
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.lease import Lease, is_valid
from backstage_py.storage.catalog.tables import leases, process_queue, stitch_queue
from backstage_py.storage.database import Transaction
from backstage_py.storage.prepared import Prepared

_TOPICS = ((process_queue, marks.PROCESS), (stitch_queue, marks.STITCH))


def claim(connection: sa.Connection, queue: sa.Table, lease: Lease, most: int, busy: Collection[int]) -> dict[int, int]:
    """Claim entities in the order in which they came, in one statement, and return their numbers with their tickets.

    Args:
        connection: of a write.
        queue: where from.
        lease: whose they are then; without it nothing is claimed.
        most: how many at once.
        busy: entities to leave out.
    """
    values = {"token": lease.token, "most": most, "skip": 0, "busy": bulk.as_parameter(connection, sorted(busy))}
    rows = _CLAIM[queue.name].all(connection, values)
    return dict(sorted((row[0], row[1]) for row in rows))


def finish(transaction: Transaction, queue: sa.Table, lease: Lease, done: Sequence[tuple[int, int]]) -> None:
    """Take entities out of a queue; those that were marked again since they were claimed can be claimed anew."""
    connection = transaction.connection
    bulk.delete(connection, queue, ("entity_id", "ticket"), done)
    free(transaction, queue, lease, [id_ for id_, _ in done])


def free(transaction: Transaction, queue: sa.Table, lease: Lease, ids: Sequence[int]) -> None:
    """Hand back what was claimed and is not done."""
    connection = transaction.connection
    values = {"token": lease.token, "ids": bulk.as_parameter(connection, ids)}
    if _FREE[queue.name].run(connection, values):
        transaction.wake(marks.PROCESS if queue is process_queue else marks.STITCH)


def has_lost(connection: sa.Connection) -> bool:
    """Say whether anything is claimed under a lease that has ended."""
    return any(
        connection.execute(sa.select(table.c.entity_id).where(_lost(table)).limit(1)).first() for table, _ in _TOPICS
    )


def free_lost(transaction: Transaction) -> None:
    """Free what is claimed under leases that have ended."""
    for table, topic in _TOPICS:
        if transaction.connection.execute(sa.update(table).where(_lost(table)).values(claim=None)).rowcount:
            transaction.wake(topic)


def _lost(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.claim.is_not(None), table.c.claim.not_in(sa.select(leases.c.token)))


def _claim_of(queue: sa.Table) -> Prepared:
    token: sa.BindParameter[int] = sa.bindparam("token", type_=sa.BigInteger())
    columns = queue.c
    picked = (
        sa.select(columns.entity_id)
        .where(sa.or_(columns.claim.is_(None), columns.claim == token))
        .where(sa.not_(bulk.is_in_parameter(columns.entity_id, "busy")))
        .order_by(columns.entity_id)
        .limit(sa.bindparam("most"))
        .offset(sa.bindparam("skip"))  # SQLite writes one anyway
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    held = sa.select(leases.c.token).where(leases.c.token == token, is_valid()).exists()
    return Prepared(
        sa.update(queue)
        .where(columns.entity_id.in_(sa.select(picked.c.entity_id)), held)
        .values(claim=token)
        .returning(columns.entity_id, columns.ticket)
    )


def _free_of(queue: sa.Table) -> Prepared:
    mine = queue.c.claim == sa.bindparam("token", type_=sa.BigInteger())
    return Prepared(
        sa.update(queue).where(mine, bulk.is_in_parameter(queue.c.entity_id, "ids")).values(claim=sa.null())
    )


_CLAIM = {table.name: _claim_of(table) for table, _ in _TOPICS}
_FREE = {table.name: _free_of(table) for table, _ in _TOPICS}
