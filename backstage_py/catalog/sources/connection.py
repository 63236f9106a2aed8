"""The connection through which every provider changes the catalog, and what it has done on its behalf."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from backstage_py import background
from backstage_py.catalog.sources import emitted, rounds
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_schema
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.schedules import Schedule
from backstage_py.storage.catalog.events import EventStore
from backstage_py.storage.catalog.lease import Lease
from backstage_py.storage.catalog.providers import ProviderStore
from backstage_py.storage.catalog.records import Deferred
from backstage_py.storage.catalog.refresh import RefreshStore
from backstage_py.storage.catalog.schedules import ScheduleStore
from backstage_py.storage.database import Database


@dataclass(frozen=True, slots=True)
class Stores:
    """What providers read and change in one database."""

    database: Database
    refresh: RefreshStore
    schedules: ScheduleStore
    states: ProviderStore
    events: EventStore


class Connection:
    """Implements ``ProviderConnection`` for one provider, for as long as this process has its lease.

    Args:
        stores: of the database.
        source_key: the provider's name.
        lease: of the provider.
    """

    def __init__(self, stores: Stores, source_key: str, lease: Lease) -> None:
        self._stores = stores
        self._source_key = source_key
        self._lease = lease
        self._repeated: set[asyncio.Task[None]] = set()

    async def apply_full(self, added: Sequence[JsonObject], *, location_key: str | None = None) -> None:
        """Make these all of the provider's entities.

        Raises:
            InputError: one is no entity, or does not say where it comes from; nothing is changed then.
            LeaseLostError: the provider is connected elsewhere by now; nothing is changed.
        """
        deferred = [self._checked(one, location_key) for one in added]
        await self._stores.refresh.apply_full(self._lease, self._source_key, deferred)

    async def apply_delta(
        self, *, added: Sequence[JsonObject] = (), removed: Sequence[str] = (), location_key: str | None = None
    ) -> None:
        """Add or change entities, and remove others by reference.

        Raises:
            InputError: one is no entity, or does not say where it comes from; nothing is changed then.
            LeaseLostError: the provider is connected elsewhere by now; nothing is changed.
        """
        deferred = [self._checked(one, location_key) for one in added]
        gone = [ref.lower() for ref in removed]
        await self._stores.refresh.apply_delta(self._lease, self._source_key, deferred, gone)

    def _checked(self, entity: JsonObject, location_key: str | None) -> Deferred:
        """Return an entity as the store takes it, unless it could never appear."""
        if problem := entity_schema.envelope_problem(entity):
            raise InputError(f"The provider {self._source_key} gave what is no entity: {problem.full_message()}")
        missing = [one for one in (entities.MANAGED_BY, entities.ORIGIN) if not entities.annotation(entity, one)]
        if missing:
            raise InputError(
                f"The entity {entity_ref.of(entity)} of the provider {self._source_key} lacks the annotation "
                f"{' and '.join(missing)}; set both to where it comes from, e.g. url:https://… or acme:all"
            )
        return emitted.keyed(entity, location_key)

    async def refresh(self, keys: Sequence[str]) -> None:
        """Have everything processed again that was made from these."""
        await self._stores.refresh.refresh_by_keys(self._lease, keys)

    def every(self, seconds: float, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        """Do something whenever so many seconds have passed since it was done last, anywhere, until disconnected."""
        self.on_schedule(Schedule(every=seconds), refresh, name=name)

    def on_schedule(self, schedule: Schedule, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        """Do something by a schedule until disconnected; see ``rounds.repeat``."""
        key = f"{self._source_key}/{name}"
        work = rounds.Rounds(key, self._source_key, schedule, refresh)
        self._start(key, partial(work.repeat, self._stores.schedules, self._stores.states, self._lease))

    def on_events(self, topics: Sequence[str], handle: Callable[[Event], Awaitable[None]]) -> None:
        """Do something for each event until disconnected; see ``rounds.listen``."""
        stores = self._stores
        work = partial(
            rounds.listen, stores.database.wakes, stores.events, stores.states, self._source_key, frozenset(topics)
        )
        self._start(f"{self._source_key}/events", partial(work, handle))

    def _start(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = background.supervised(f"catalog.provider {key}", work)
        self._repeated.add(asyncio.create_task(loop, name=key))

    async def end(self) -> None:
        """Stop what was begun."""
        for task in self._repeated:
            task.cancel()
        await asyncio.gather(*self._repeated, return_exceptions=True)
