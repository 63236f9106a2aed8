"""Following a task's events: woken by commits, never polled, shared by all who follow the same task.

Each followed task has one tail. What this process commits is handed to it; a wake from another process makes it read
what is new once. Everyone who follows takes it from there. A follower first reads what stands behind its ``after``,
then takes from the tail what it has not yet sent, so nothing is lost or sent twice in between.

A stream that has begun outlasts an outage of the database: a client that is sent away does not always come back.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from backstage_py.errors import ServiceUnavailableError
from backstage_py.metrics.scaffolder import STREAM_LAG
from backstage_py.model import json, times
from backstage_py.model.task import EventType, TaskEvent
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder import events as task_events
from backstage_py.storage.scaffolder.events import EventFeed, EventStore
from backstage_py.storage.wakes.hub import Wake

_KEPT = 512
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # that a database can compare with
_PATIENCE = 30.0  # a lost wake costs at most this
_PAUSE = 0.5  # seconds between two tries during an outage
_ENDS = frozenset({EventType.COMPLETION.value, EventType.CANCELLED.value})


class TaskEvents:
    """The events of all tasks, listed or followed."""

    def __init__(self, database: Database, feed: EventFeed) -> None:
        self._database = database
        self._feed = feed
        self._store = EventStore(database)
        self._tails: dict[str, _Tail] = {}

    async def list(self, task_id: str, after: int | None, *, starts_over: bool) -> Sequence[TaskEvent]:
        """Return what a client sees behind ``after``.

        A completion always, wherever it stands; with ``starts_over`` only the newest run.
        """
        events = await self._store.after_or_completion(task_id, after)
        return newest_run(events) if starts_over else events

    async def follow(
        self, task_id: str, after: int | None, *, starts_over: bool, heartbeat: float
    ) -> AsyncGenerator[Sequence[TaskEvent]]:
        """Yield batches of events as they are committed.

        The first batch comes at once, be it empty; another empty one after each ``heartbeat`` seconds of silence.

        Ends behind the completion, unless the task starts over after a crash.
        """
        after = None if after is None else max(_SMALLEST, min(after, _LARGEST))
        async with self._tail(task_id) as tail:
            batch = tail.first_batch(after)
            if batch is None:
                batch = await self._store.after_or_completion(task_id, after)
            if starts_over:
                batch = newest_run(batch)
            sent = max([0, after or 0, *(event.id for event in batch)])  # ids begin at 1, whatever a client asks for
            yield batch
            while True:
                if not starts_over and any(event.type == EventType.COMPLETION for event in batch):
                    return
                if not await tail.wait_beyond(sent, heartbeat):
                    yield []
                    batch = []
                    continue
                kept = tail.since(sent)
                batch = await _outlast(self._store, task_id, sent) if kept is None else kept
                if batch:
                    STREAM_LAG.observe(max(times.now() - batch[0].created_at, 0) / 1000)
                    sent = batch[-1].id
                    yield batch

    async def first(
        self, task_id: str, after: int | None, *, starts_over: bool, patience: float
    ) -> Sequence[TaskEvent]:
        """Return the events behind ``after`` as soon as there are any; none after ``patience`` seconds."""
        async with contextlib.aclosing(
            self.follow(task_id, after, starts_over=starts_over, heartbeat=patience)
        ) as batches:
            return await anext(batches, []) or await anext(batches, [])

    @contextlib.asynccontextmanager
    async def _tail(self, task_id: str) -> "AsyncIterator[_Tail]":
        tail = self._tails.get(task_id)
        if tail is None:
            tail = self._tails[task_id] = _Tail(self._database, self._feed, self._store, task_id)
        tail.followers += 1
        try:
            await tail.ready()
            yield tail
        finally:
            tail.followers -= 1
            if not tail.followers:
                self._tails.pop(task_id, None)
                await tail.close()


async def _outlast(store: EventStore, task_id: str, after: int) -> Sequence[TaskEvent]:
    """Return the events behind ``after``, however long the database is away."""
    while True:
        try:
            return await store.after(task_id, after)
        except ServiceUnavailableError:
            await asyncio.sleep(_PAUSE)


class _Tail:
    """The newest events of one task, read once for all who follow it."""

    def __init__(self, database: Database, feed: EventFeed, store: EventStore, task_id: str) -> None:
        self._database = database
        self._feed = feed
        self._store = store
        self._task_id = task_id
        self._kept: deque[TaskEvent] = deque(maxlen=_KEPT)
        self._dropped = False
        self._last = 0
        self._changed: set[asyncio.Future[None]] = set()
        self._ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name=f"tail-{task_id}")
        self.followers = 0

    async def ready(self) -> None:
        """Return once the tail is awake: what is committed from then on will not be missed."""
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({ready, self._reader}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._reader.done():
            self._reader.result()

    def first_batch(self, after: int | None) -> Sequence[TaskEvent] | None:
        """Return what a client sees first, None when that is not known here: it is not kept, or no longer holds.

        A retry takes an end back, so what somebody still follows here may have one that is gone.
        """
        if any(event.type in _ENDS for event in self._kept):
            return None
        if after is None:
            return self.since(0)
        if self.since(0) is None:
            return None
        return [event for event in self._kept if event.id > after or event.type == EventType.COMPLETION]

    def since(self, sent: int) -> list[TaskEvent] | None:
        """Return the kept events behind ``sent``, None when some of them are no longer kept."""
        if self._dropped and self._kept[0].id > sent:
            return None
        return [event for event in self._kept if event.id > sent]

    async def wait_beyond(self, sent: int, patience: float) -> bool:
        """Return True once there is an event behind ``sent``, False after ``patience`` seconds."""
        deadline = asyncio.get_running_loop().time() + patience
        while self._last <= sent:
            if self._reader.done():
                self._reader.result()
            changed = asyncio.get_running_loop().create_future()
            self._changed.add(changed)
            try:
                async with asyncio.timeout_at(deadline):
                    await changed
            except TimeoutError:
                return False
            finally:
                self._changed.discard(changed)
        return True

    async def close(self) -> None:
        """Stop reading."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            with self._database.wakes.subscribe(task_events.topic(self._task_id)) as wake:

                def take(before: int, events: Sequence[TaskEvent]) -> None:
                    loop.call_soon_threadsafe(self._take, before, events, wake)

                self._feed.follow(self._task_id, take)
                known = await self._store.after(self._task_id, None)
                self._keep(known)
                self._last = known[-1].id if known else 0
                self._ready.set()
                while True:
                    await wake.wait(_PATIENCE)
                    self._add(await _outlast(self._store, self._task_id, self._last))
        finally:
            self._feed.unfollow(self._task_id)
            self._notify()

    def _take(self, before: int, events: Sequence[TaskEvent], wake: Wake) -> None:
        """Take what this process committed; read instead when something of another process stands before it."""
        if self._ready.is_set() and before <= self._last:
            self._add(events)
        else:
            wake.set_from_any_thread()

    def _add(self, events: Sequence[TaskEvent]) -> None:
        fresh = [event for event in events if event.id > self._last]
        if fresh:
            self._keep(fresh)
            self._last = fresh[-1].id
            self._notify()

    def _keep(self, events: Sequence[TaskEvent]) -> None:
        self._dropped = self._dropped or len(self._kept) + len(events) > _KEPT
        self._kept.extend(events)

    def _notify(self) -> None:
        for changed in self._changed:
            if not changed.done():
                changed.set_result(None)


def newest_run(events: Sequence[TaskEvent]) -> Sequence[TaskEvent]:
    """Return the events from the last start-over on: what was before is void. Alone, it leaves nothing to show."""
    for index in range(len(events) - 1, -1, -1):
        if events[index].type == EventType.RECOVERED:
            if json.parse(events[index].body).get("recoverStrategy") != "startOver":
                return events
            return [] if index == len(events) - 1 else events[index:]
    return events
