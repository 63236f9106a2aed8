"""Drives processing: marked entities at once, those that depend on external sources on a schedule.

One engine works on a database at a time. Entities that need nothing but themselves are processed together with the
location that brings them and written in the same transaction; whatever reads something runs as a task of its own, so
that a slow location holds up nobody else.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

import structlog

from backstage_py import threads
from backstage_py.catalog import faults
from backstage_py.catalog.pipeline import results
from backstage_py.catalog.pipeline.processing import Pipeline
from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.catalog.pipeline.schedule import Schedule
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.records import Child, Outcome, Processed, Unprocessed
from backstage_py.storage.catalog.refresh import RefreshStore
from backstage_py.storage.database import Database

_log = structlog.get_logger(__name__)

_BATCH = 500
_AT_ONCE = 32
_PATIENCE = 5.0


class Engine:
    """Processes entities until it is stopped.

    Args:
        database: whose wakes are listened to.
        store: the refresh state.
        pipeline: what is done to an entity.
        interval: seconds after which volatile entities are processed again, half as much more at random; None never.
    """

    def __init__(self, database: Database, store: RefreshStore, pipeline: Pipeline, *, interval: float | None) -> None:
        self._database = database
        self._store = store
        self._pipeline = pipeline
        self._schedule = Schedule(interval, time.monotonic)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; what is under way then is dropped, and is still marked."""
        try:
            for id_ in await self._store.volatile():
                self._schedule.add(id_, soon=True)
            with self._database.wakes.subscribe(marks.PROCESS) as wake:
                while True:
                    try:
                        await self._round()
                    except Exception as error:  # noqa: BLE001  # the processing loop's edge: recorded, and tried again
                        _log.exception("processing_failed", error=str(faults.of(error)))
                        await asyncio.sleep(1)
                    await self._pause(wake.wait(self._schedule.seconds(_PATIENCE)))
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pause(self, wake: Coroutine[Any, Any, bool]) -> None:
        """Wait until something is marked or due, or until a task has ended."""
        waiting = asyncio.ensure_future(wake)
        finished = asyncio.ensure_future(self._finished.wait())
        try:
            await asyncio.wait((waiting, finished), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._finished.clear()
            for one in (waiting, finished):
                one.cancel()
            await asyncio.gather(waiting, finished, return_exceptions=True)

    async def _round(self) -> None:
        while True:
            queued = await self._store.queued(_BATCH, excluding=self._under_way)
            if not queued:
                break
            plain = [one for one in queued if self._pipeline.is_plain(one.ref, one.text)]
            if plain:
                await self._process_plain(plain)
            started = self._start([one for one in queued if not self._pipeline.is_plain(one.ref, one.text)])
            if not plain and not started:
                return  # no free place; a task that ends wakes the loop
        await self._start_due()

    def _start(self, items: Sequence[Unprocessed]) -> int:
        free = _AT_ONCE - len(self._under_way)
        for one in items[: max(free, 0)]:
            task = asyncio.create_task(self._process(one), name=f"process {one.ref}")
            self._under_way[one.id] = task
            task.add_done_callback(partial(self._end, one.id))
        return min(len(items), max(free, 0))

    def _end(self, id_: int, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(id_, None)
        self._finished.set()

    async def _process_plain(self, items: Sequence[Unprocessed]) -> None:
        outcomes = await threads.offload(self._plain_outcomes, items)
        await self._store.commit(outcomes)

    def _plain_outcomes(self, items: Sequence[Unprocessed]) -> list[Outcome]:
        return [Outcome(one.id, one.ticket, self._plain(one.ref, entities.of_text(one.text))) for one in items]

    def _plain(self, ref: str, entity: json.JsonObject) -> Processed:
        return results.processed(ref, self._pipeline.process_plain(entity))

    async def _process(self, one: Unprocessed) -> None:
        try:
            state = entities.of_text(one.state) if one.state else {}
            conditional = one.result_hash is not None and not one.result_hash.startswith("!")
            result = await self._pipeline.process(entities.of_text(one.text), state, conditional=conditional)
            if result.is_unchanged:
                await self._write_unchanged(one)
            else:
                await self._write(one, result)
        except Exception as error:  # noqa: BLE001  # the processing loop's edge: recorded; the schedule tries again
            _log.exception("entity_processing_failed", entity_ref=one.ref, error=str(faults.of(error)))
            await self._write_failure(one, error)

    async def _write_unchanged(self, one: Unprocessed) -> None:
        """Record that nothing has changed; an entity that was not marked needs no write."""
        if one.ticket is not None:
            same = Processed(one.ref, None, result_hash=one.result_hash, children=None)
            await self._store.commit([Outcome(one.id, one.ticket, same)])
        self._schedule.add(one.id)

    async def _write(self, one: Unprocessed, result: PipelineResult) -> None:
        processed = results.processed(one.ref, result, has_plugins=self._pipeline.has_plugins)
        if processed.is_volatile:
            self._schedule.add(one.id)
        if processed.result_hash == one.result_hash and one.ticket is None:
            return
        if not result.is_ended:
            await self._write_children(one, result.emitted)
        await self._store.commit([Outcome(one.id, one.ticket, processed)])

    async def _write_children(self, one: Unprocessed, emitted: Sequence[Emitted]) -> None:
        """Write new and changed entities part by part, with their own results where those can be had at once.

        The result of the entity that brings them is committed last. If this is broken off, it is processed again and
        finds unchanged what was written before.
        """
        for start in range(0, len(emitted), _BATCH):
            part = emitted[start : start + _BATCH]
            known = await self._store.known([child.ref for child in part])
            changed = [child for child in part if results.needs_processing(child, known)]
            if changed:
                await self._store.write_children(one.id, await threads.offload(self._children, changed))

    def _children(self, emitted: Sequence[Emitted]) -> list[Child]:
        made = []
        for one in emitted:
            is_plain = self._pipeline.is_plain(one.ref, one.text)
            made.append(Child(one.deferred(), self._plain(one.ref, one.entity()) if is_plain else None))
        return made

    async def _write_failure(self, one: Unprocessed, error: Exception) -> None:
        """Show the failure at the entity, which also takes it out of the queue; the schedule tries again."""
        failed = PipelineResult({}, (faults.of(error),), is_ended=True)
        self._schedule.add(one.id)
        try:
            await self._store.commit([Outcome(one.id, one.ticket, results.processed(one.ref, failed))])
        except Exception as problem:  # noqa: BLE001  # the processing loop's edge: the entity stays marked
            _log.exception("processing_result_lost", entity_ref=one.ref, error=str(faults.of(problem)))
            await asyncio.sleep(1)

    async def _start_due(self) -> None:
        ids = self._schedule.take(_AT_ONCE - len(self._under_way), excluding=self._under_way)
        if ids:
            self._start(await self._store.by_ids(ids))
