"""The built-in providers, and the connection through which every provider changes the catalog."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from backstage_py import background
from backstage_py.catalog.outages import OUTAGES, pause
from backstage_py.catalog.sources import emitted
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_schema
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import ProviderConnection
from backstage_py.settings.sections import CatalogLocation
from backstage_py.storage.catalog.lease import Lease, LeaseLostError
from backstage_py.storage.catalog.locations import Location
from backstage_py.storage.catalog.records import Deferred
from backstage_py.storage.catalog.refresh import RefreshStore
from backstage_py.storage.catalog.schedules import ScheduleStore

CONFIG = "ConfigLocationProvider"
_LOOK_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Connection:
    """Implements ``ProviderConnection`` for one provider, for as long as this process has its lease.

    Args:
        store: what the provider changes.
        schedules: when the provider's own work is due.
        source_key: the provider's name.
        lease: of the provider.
    """

    def __init__(self, store: RefreshStore, schedules: ScheduleStore, source_key: str, lease: Lease) -> None:
        self._store = store
        self._schedules = schedules
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
        await self._store.apply_full(self._lease, self._source_key, deferred)

    async def apply_delta(
        self, *, added: Sequence[JsonObject] = (), removed: Sequence[str] = (), location_key: str | None = None
    ) -> None:
        """Add or change entities, and remove others by reference.

        Raises:
            InputError: one is no entity, or does not say where it comes from; nothing is changed then.
            LeaseLostError: the provider is connected elsewhere by now; nothing is changed.
        """
        deferred = [self._checked(one, location_key) for one in added]
        await self._store.apply_delta(self._lease, self._source_key, deferred, [ref.lower() for ref in removed])

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
        return _deferred(entity, location_key)

    async def refresh(self, keys: Sequence[str]) -> None:
        """Have everything processed again that was made from these."""
        await self._store.refresh_by_keys(self._lease, keys)

    def every(self, seconds: float, refresh: Callable[[], Awaitable[None]], *, name: str = "refresh") -> None:
        """Do something whenever so many seconds have passed since it was done last, anywhere, until disconnected."""
        key = f"{self._source_key}/{name}"
        loop = background.supervised(f"catalog.provider {key}", partial(self._repeat, key, seconds, refresh))
        self._repeated.add(asyncio.create_task(loop, name=key))

    async def _repeat(self, key: str, seconds: float, refresh: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                wait = await self._schedules.seconds_until(key)
                if wait > 0:
                    await asyncio.sleep(min(wait, _LOOK_SECONDS))
                    continue
                await self._refreshed(key, refresh)
                await self._schedules.done(self._lease, key, seconds)
            except OUTAGES as error:
                await pause(error)

    async def _refreshed(self, key: str, refresh: Callable[[], Awaitable[None]]) -> None:
        try:
            await refresh()
        except (LeaseLostError, *OUTAGES):
            raise
        except Exception:  # noqa: BLE001  # the edge of a plugin, which may fail in any way; its next time comes
            _log.exception("provider_refresh_failed", provider=key)

    async def end(self) -> None:
        """Stop what ``every`` began."""
        for task in self._repeated:
            task.cancel()
        await asyncio.gather(*self._repeated, return_exceptions=True)


class Configured:
    """The provider of the configured locations; those that are no longer configured are removed."""

    name = CONFIG

    def __init__(self, locations: Sequence[CatalogLocation]) -> None:
        self._locations = locations

    async def connect(self, connection: ProviderConnection) -> None:
        """Tell which locations are configured."""
        refs = [LocationRef(location.type, location.target) for location in self._locations]
        await connection.apply_full([entities.location_entity(ref) for ref in dict.fromkeys(refs)])

    async def close(self) -> None:
        """Do nothing."""


def deferred_location(location: Location) -> Deferred:
    """Return the entity of a registered location; it keeps its name when the target changes."""
    name = entity_ref.parse(location.entity_ref).name
    return _deferred(entities.location_entity(LocationRef(location.type, location.target), name=name), None)


def _deferred(entity: JsonObject, location_key: str | None) -> Deferred:
    key = location_key or entities.annotation(entity, entities.MANAGED_BY)
    return emitted.deferred(entity, key)
