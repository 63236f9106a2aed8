"""Events of other systems, kept for a while: the process that has a provider finds them, whoever received them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.errors import ConflictError
from backstage_py.model import json
from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.storage import bulk, clock
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.tables import deliveries, events
from backstage_py.storage.database import Database, Transaction
from backstage_py.storage.reporting import events as platform_events

EVENTS = "catalog-events"
"""The topic to wait for: there are new events."""

_DAY = 86_400_000
_KEPT = _DAY
_MOST_KEPT = 2_000
_LARGEST_KEPT = 64 * 1024 * 1024
"""Bytes of all that are kept; the newest one is kept anyway."""
_KNOWN = 3 * _DAY
"""So long GitHub offers to deliver an event again."""
_MOST_KNOWN = 200_000


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event: its number, which grows, its topic, and what it says."""

    id: int
    topic: str
    payload: JsonObject
    metadata: JsonObject


class EventStore:
    """The events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(
        self,
        topic: str,
        payload: JsonObject,
        metadata: JsonObject,
        *,
        keys: Iterable[str] = (),
        facts: Sequence[PlatformEvent] = (),
    ) -> None:
        """Keep an event for the providers of all processes and wake them.

        Args:
            topic: such as ``github.push``; who listens to ``github`` hears of it, too.
            payload: what happened.
            metadata: headers of the request that told it.
            keys: by which the same delivery is known when it comes again; at most 64 characters each.
            facts: what it tells of how the platform is used, which are recorded with it.

        Raises:
            ConflictError: it has come before; nothing was kept.
        """
        texts = json.dumps(payload), json.dumps(metadata)

        def run(transaction: Transaction) -> None:
            connection = transaction.connection
            _refuse_known(connection, sorted(set(keys)))
            values = {"topic": topic, "payload": texts[0], "metadata": texts[1], "received_at": clock.now()}
            connection.execute(sa.insert(events).values(values))
            platform_events.add(transaction, facts)
            _forget(connection)
            transaction.wake(EVENTS)

        await marks.exclusively(self._database, run)  # numbers are given in the order of commits

    async def after(self, seen: int, topics: Collection[str], limit: int = 100) -> Sequence[StoredEvent]:
        """Return the next events of some topics and of those below them, oldest first."""
        below = (events.c.topic.startswith(f"{topic}.", autoescape=True) for topic in topics)
        query = sa.select(events).where(events.c.id > seen, sa.or_(bulk.is_in(events.c.topic, topics), *below))
        rows = await self._database.read(
            lambda connection: connection.execute(query.order_by(events.c.id).limit(limit)).all()
        )
        return [StoredEvent(row.id, row.topic, json.parse(row.payload), json.parse(row.metadata)) for row in rows]


def _refuse_known(connection: sa.Connection, keys: Sequence[str]) -> None:
    query = sa.select(deliveries.c.key).where(
        bulk.is_in(deliveries.c.key, keys), deliveries.c.received_at > clock.now() - _KNOWN
    )
    if keys and connection.execute(query).first():
        raise ConflictError("This event was delivered before")
    bulk.delete(connection, deliveries, ("key",), [(key,) for key in keys])
    for key in keys:
        connection.execute(sa.insert(deliveries).values(key=key, received_at=clock.now()))


def _forget(connection: sa.Connection) -> None:
    newest = sa.select(sa.func.max(events.c.id)).scalar_subquery()
    sizes = sa.select(
        events.c.id, sa.func.sum(sa.func.length(events.c.payload)).over(order_by=events.c.id.desc()).label("size")
    ).subquery()
    beyond = sa.select(sa.func.max(sizes.c.id)).where(sizes.c.size > _LARGEST_KEPT, sizes.c.id < newest)
    old = sa.or_(
        events.c.received_at < clock.now() - _KEPT,
        events.c.id <= newest - _MOST_KEPT,
        events.c.id <= beyond.scalar_subquery(),
    )
    connection.execute(sa.delete(events).where(old))
    connection.execute(sa.delete(deliveries).where(deliveries.c.received_at < clock.now() - _KNOWN))
    first = (
        sa.select(deliveries.c.received_at).order_by(deliveries.c.received_at.desc()).offset(_MOST_KNOWN).limit(1)
    ).scalar_subquery()
    connection.execute(sa.delete(deliveries).where(deliveries.c.received_at <= first))
