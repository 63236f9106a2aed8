"""The built-in providers of locations: those of the configuration, and those that people registered."""

from collections.abc import Sequence

from backstage_py.catalog.sources import emitted
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import ProviderConnection
from backstage_py.settings.sections import CatalogLocation
from backstage_py.storage.catalog.locations import Location
from backstage_py.storage.catalog.records import Deferred

CONFIG = "ConfigLocationProvider"


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
    return emitted.keyed(entities.location_entity(LocationRef(location.type, location.target), name=name), None)
