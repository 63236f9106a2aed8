"""The built-in providers, and the connection through which every provider changes the catalog."""

from collections.abc import Sequence

from backstage_py.catalog.sources import emitted
from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref, entity_schema
from backstage_py.model.json import JsonObject
from backstage_py.model.location_ref import LocationRef
from backstage_py.settings.sections import CatalogLocation
from backstage_py.storage.catalog.locations import Location
from backstage_py.storage.catalog.records import Deferred
from backstage_py.storage.catalog.refresh import RefreshStore

CONFIG = "ConfigLocationProvider"


class Connection:
    """Implements ``ProviderConnection`` for one provider."""

    def __init__(self, store: RefreshStore, source_key: str) -> None:
        self._store = store
        self._source_key = source_key

    async def apply_full(self, added: Sequence[JsonObject], *, location_key: str | None = None) -> None:
        """Make these all of the provider's entities.

        Raises:
            InputError: one is no entity, or does not say where it comes from; nothing is changed then.
        """
        await self._store.apply_full(self._source_key, [self._checked(one, location_key) for one in added])

    async def apply_delta(
        self, *, added: Sequence[JsonObject] = (), removed: Sequence[str] = (), location_key: str | None = None
    ) -> None:
        """Add or change entities, and remove others by reference.

        Raises:
            InputError: one is no entity, or does not say where it comes from; nothing is changed then.
        """
        deferred = [self._checked(one, location_key) for one in added]
        await self._store.apply_delta(self._source_key, deferred, [ref.lower() for ref in removed])

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
        await self._store.refresh_by_keys(keys)


async def connect_configured(store: RefreshStore, locations: Sequence[CatalogLocation]) -> None:
    """Store the configured locations; those that are no longer configured are removed."""
    refs = [LocationRef(location.type, location.target) for location in locations]
    await Connection(store, CONFIG).apply_full([entities.location_entity(ref) for ref in dict.fromkeys(refs)])


def deferred_location(location: Location) -> Deferred:
    """Return the entity of a registered location; it keeps its name when the target changes."""
    name = entity_ref.parse(location.entity_ref).name
    return _deferred(entities.location_entity(LocationRef(location.type, location.target), name=name), None)


def _deferred(entity: JsonObject, location_key: str | None) -> Deferred:
    key = location_key or entities.annotation(entity, entities.MANAGED_BY)
    return emitted.deferred(entity, key)
