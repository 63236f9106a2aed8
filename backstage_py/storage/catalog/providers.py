"""How the providers of a database do: when each was read, what came of it, how much it has and has heard of."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backstage_py.storage import clock
from backstage_py.storage.catalog.tables import events, providers, references
from backstage_py.storage.database import Database, Transaction

_LONGEST_ERROR = 2000


@dataclass(frozen=True, slots=True)
class ProviderState:
    """How one provider does. Moments are milliseconds since 1970, None for never.

    Attributes:
        begun_at: of the newest reading.
        ended_at: of the newest one that has ended.
        succeeded_at: of the newest one that brought what there is.
        error: why the newest one failed; None when it did not.
        entities: how many the catalog has of it, those that they bring left out.
        runs: readings that have ended so far; ``failures`` of them failed.
        events: how many it has heard of.
    """

    name: str
    begun_at: int | None
    ended_at: int | None
    succeeded_at: int | None
    error: str | None
    entities: int
    runs: int
    failures: int
    events: int


class ProviderStore:
    """The states of the providers of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[ProviderState]:
        """Return the states of all providers that ever did something, in the order of their names."""

        def run(connection: sa.Connection) -> list[ProviderState]:
            counted = (
                sa.select(references.c.source_key, sa.func.count())
                .where(references.c.source_id == 0)
                .group_by(references.c.source_key)
            )
            having: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)}
            rows = connection.execute(sa.select(providers).order_by(providers.c.name))
            return [
                ProviderState(
                    row.name,
                    row.begun_at,
                    row.ended_at,
                    row.succeeded_at,
                    row.error,
                    having.get(row.name, 0),
                    row.runs,
                    row.failures,
                    row.events,
                )
                for row in rows
            ]

        return await self._database.read(run)

    async def begun(self, name: str) -> None:
        """Record that a provider reads what there is."""
        await self._set(name, {"begun_at": clock.now()})

    async def ended(self, name: str, problem: str | None = None) -> None:
        """Record that it has read it, or why it could not."""
        outcome = {"ended_at": clock.now(), "runs": providers.c.runs + 1}
        if problem is None:
            await self._set(name, {**outcome, "succeeded_at": clock.now(), "error": None})
        else:
            failed = {"error": problem[:_LONGEST_ERROR], "failures": providers.c.failures + 1}
            await self._set(name, {**outcome, **failed})

    async def seen_event(self, name: str) -> int:
        """Return the number of the newest event that a provider has heard of; a new one begins with the next."""

        def run(transaction: Transaction) -> int:
            connection = transaction.connection
            query = sa.select(providers.c.seen_event).where(providers.c.name == name)
            if seen := connection.execute(query).scalar():
                return int(seen)
            newest = int(connection.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0)
            _set(connection, name, {"seen_event": newest})
            return newest

        return await self._database.write(run, is_repeatable=True)

    async def saw(self, name: str, event: int) -> None:
        """Record that a provider has done what an event asked for."""
        await self._set(name, {"seen_event": event, "events": providers.c.events + 1})

    async def _set(self, name: str, values: dict[str, object]) -> None:
        await self._database.write(
            lambda transaction: _set(transaction.connection, name, values), is_repeatable="events" not in values
        )


def _set(connection: sa.Connection, name: str, values: dict[str, object]) -> None:
    changed = connection.execute(sa.update(providers).where(providers.c.name == name).values(values))
    if not changed.rowcount:
        connection.execute(sa.insert(providers).values(name=name))
        connection.execute(sa.update(providers).where(providers.c.name == name).values(values))
