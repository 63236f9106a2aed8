"""Gathers events that nobody tells: of tasks, and of incidents that entities carry. Any process may, at any time."""

import asyncio
import time
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
from backstage_py.storage.reporting.tasks import Mark, UnknownTasks

_PAUSE_SECONDS = 60.0
_WHOLE_SECONDS = 3600.0
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
        self._marks: list[tuple[float, Mark]] = []
        self._whole_at: float | None = None
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
        """Record the tasks that are not recorded as they stand: at first and each hour of all, else of what changed.

        What changed is read from a minute before the last pass on, as a row may be seen later than one with a greater
        id; what was longer on its way than that is found within the hour.
        """
        now = time.monotonic()
        is_whole = self._whole_at is None or now - self._whole_at >= _WHOLE_SECONDS
        behind, mark = None if is_whole else self._marks[0][1], await self._tasks.mark()
        while rows := await self._tasks.next(self._oldest, behind):
            await self._put(event for row in rows for event in tasks.events(row, self._proxies))
        if is_whole:
            self._whole_at = now
        if not self._marks or now - self._marks[-1][0] >= _PAUSE_SECONDS:
            self._marks = [*self._marks[-1:], (now, mark)]

    async def _put(self, events: Iterable[PlatformEvent]) -> None:
        await self._events.put([one for one in events if one.at >= self._oldest])
