"""Providers that read all they have by a schedule, and hear of events meanwhile."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

import structlog

from backstage_py.errors import ForeignError, ServiceUnavailableError
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event, ProviderConnection
from backstage_py.settings.schedules import Schedule

_log = structlog.get_logger(__name__)


class ScheduledProvider(ABC):
    """Implements ``EntityProvider``.

    Args:
        name: of the provider, as Backstage's has it.
        schedule: when it is read.
        location_key: who may replace its entities; the name without it.

    Attributes:
        topics: of the events that it hears of.
    """

    topics: tuple[str, ...] = ()

    def __init__(self, name: str, schedule: Schedule, location_key: str | None = None) -> None:
        self.name = name
        self._location_key = location_key or name
        self._schedule = schedule
        self._connection: ProviderConnection | None = None

    @abstractmethod
    async def found(self) -> Sequence[JsonObject]:
        """Return all entities that are there.

        Raises:
            BackstageError: the host does not answer, or not in full.
        """

    async def hear(self, event: Event) -> None:
        """Do what an event asks for, where ``topics`` names any."""
        raise NotImplementedError(event.topic)

    async def connect(self, connection: ProviderConnection) -> None:
        """Read by the schedule, and hear of what changes meanwhile."""
        self._connection = connection
        connection.on_schedule(self._schedule, self.read)
        if self.topics:
            connection.on_events(self.topics, self.hear)

    async def close(self) -> None:
        """Forget the connection, which ends what it began."""
        self._connection = None

    async def read(self) -> None:
        """Make what is there all that the provider has; of two with one name the later one counts.

        Raises:
            BackstageError: as for ``found``; what it had before stays.
        """
        try:
            found = {entity_ref.of(one): one for one in await self.found()}
        except (KeyError, IndexError, TypeError, AttributeError) as error:  # JSON of another shape than is known
            raise ForeignError(f"{self.name}: the host left something out of an answer ({error!r})") from error
        await self.to.apply_full(list(found.values()), location_key=self._location_key)
        _log.info("provider_read", provider=self.name, entities=len(found))

    @property
    def to(self) -> ProviderConnection:
        """Where changes go.

        Raises:
            ServiceUnavailableError: it is not connected.
        """
        if self._connection is None:
            raise ServiceUnavailableError(f"The provider {self.name} is not connected")
        return self._connection

    async def change(self, added: Sequence[JsonObject] = (), removed: Sequence[JsonObject] = ()) -> None:
        """Add and remove some entities."""
        if added or removed:
            gone = [entity_ref.of(one) for one in removed]
            await self.to.apply_delta(added=added, removed=gone, location_key=self._location_key)

    async def refresh(self, *urls: str) -> None:
        """Have everything read again that was made from files."""
        if urls:
            await self.to.refresh([f"url:{one}" for one in urls])


class Directory(ScheduledProvider):
    """Users and groups.

    Args:
        name: of the provider, as Backstage's has it.
        schedule: when it is read.
        location_key: as Backstage's provider has it.
        read_all: returns all entities.
    """

    def __init__(
        self, name: str, schedule: Schedule, location_key: str, read_all: Callable[[], Awaitable[Sequence[JsonObject]]]
    ) -> None:
        super().__init__(name, schedule, location_key)
        self._read_all = read_all

    async def found(self) -> Sequence[JsonObject]:
        """Return all users and groups."""
        return await self._read_all()
