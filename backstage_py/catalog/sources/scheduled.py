"""A provider that reads all it has by a schedule, and replaces by that what it gave before."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import ProviderConnection
from backstage_py.settings.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Implements ``EntityProvider``.

    Attributes:
        name: as Backstage's provider has it, so that a database may be taken over.
        location_key: likewise; who may replace its entities.
        schedule: when it is read.
        read: returns all entities; whatever it raises leaves those of before.
    """

    name: str
    location_key: str
    schedule: Schedule
    read: Callable[[], Awaitable[Sequence[JsonObject]]]

    async def connect(self, connection: ProviderConnection) -> None:
        """Have it read by its schedule."""

        async def refresh() -> None:
            found = {entity_ref.of(one): one for one in await self.read()}  # of two with one name the later one counts
            await connection.apply_full(list(found.values()), location_key=self.location_key)

        connection.on_schedule(self.schedule, refresh)

    async def close(self) -> None:
        """Do nothing: the connection ends what it began."""
