"""Gathers events that nobody tells: of tasks, and of incidents that entities carry. Any process may, at any time."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog

from backstage_py import background
from backstage_py.model import times
from backstage_py.model.platform_event import PlatformEvent
from backstage_py.reporting import incidents, tasks
from backstage_py.reporting.tasks import Proxies
from backstage_py.settings.sections import PlatformMetricsSettings
from backstage_py.storage.database import Database
from backstage_py.storage.reporting.entities import ReportedEntities
from backstage_py.storage.reporting.events import PlatformEventStore
from backstage_py.storage.reporting.tasks import UnknownTasks

_PAUSE_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Collector:
    """Keeps the events of one database complete, and no older than the settings say.

    Replicas need not agree who does it: what one has recorded the others find recorded.

    Args:
        database: with tasks, entities and events.
        settings: how long events are kept, and what counts as what.
    """

    def __init__(self, database: Database, settings: PlatformMetricsSettings) -> None:
        self._events = PlatformEventStore(database)
        self._tasks = UnknownTasks(database)
        self._entities = ReportedEntities(database)
        self._retention = int(settings.retention * 1000)
        self._proxies = Proxies(settings.infrastructure, settings.ticket_actions, settings.ticket_parameters)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Collect every minute until the block is left."""
        async with background.running(background.supervised("reporting.collector", self._run_forever)):
            yield

    async def _run_forever(self) -> None:
        while True:
            await self.collect()
            if removed := await self._events.forget_before(self._oldest):
                _log.info("old_platform_events_removed", count=removed)
            await asyncio.sleep(_PAUSE_SECONDS)

    @property
    def _oldest(self) -> int:
        return times.now() - self._retention

    async def collect(self) -> None:
        """Record what is not recorded yet."""
        await self.collect_tasks()
        for entity in await self._entities.with_annotation(incidents.ANNOTATION):
            await self._put(incidents.events(entity))
            await self._events.take_back(incidents.taken_back(entity))

    async def collect_tasks(self) -> None:
        """Record the tasks that are not recorded as they stand."""
        while rows := await self._tasks.next(self._oldest):
            await self._put(event for row in rows for event in tasks.events(row, self._proxies))

    async def _put(self, events: Iterable[PlatformEvent]) -> None:
        await self._events.put([one for one in events if one.at >= self._oldest])
