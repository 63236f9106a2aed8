"""Drives processing: marked entities at once, those that depend on external sources on a schedule.

Each process of a database has one; they share the work by claiming it under their leases. Entities that need nothing
but themselves are processed together with the location that brings them and written in the same transaction; whatever
reads something runs as a task of its own, so that a slow location holds up nobody else.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

import structlog

from backstage_py import threads
from backstage_py.catalog import faults
from backstage_py.catalog.outages import OUTAGES, pause
from backstage_py.catalog.pipeline import results, watching
from backstage_py.catalog.pipeline.processing import Pipeline
from backstage_py.catalog.pipeline.recorder import Recorder
from backstage_py.catalog.pipeline.results import PipelineResult
from backstage_py.catalog.sources.emitted import Emitted
from backstage_py.metrics.catalog import PROCESSING
from backstage_py.model import entity as entities
from backstage_py.model import json
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.lease import Lease, LeaseLostError
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
        lease: under which entities are claimed and results are written.
    """

    def __init__(self, database: Database, store: RefreshStore, pipeline: Pipeline, lease: Lease) -> None:
        self._database = database
        self._store = store
        self._pipeline = pipeline
        self._lease = lease
        self._recorder = Recorder(store, lease)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._finished = asyncio.Event()
        self._is_crowded = False

    async def run(self) -> None:
        """Work until cancelled; what is under way then is dropped, and is still marked."""
        try:
            with self._database.wakes.subscribe(marks.PROCESS) as wake:
                while True:
                    try:
                        seconds = await self._round()
                    except OUTAGES as error:
                        await pause(error)
                        continue
                    await self._pause(wake.wait(seconds))
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

    async def _round(self) -> float:
        """Work on what can be begun, and return the seconds until more may be due."""
        while True:
            await self._work_on_marked()
            wait = await self._store.seconds_until_due()
            if wait is None or wait > 0:
                return min(wait or _PATIENCE, _PATIENCE)
            if self._free == 0:
                return _PATIENCE  # a task that ends wakes the loop
            await self._store.mark_due(self._lease, _BATCH)

    @property
    def _free(self) -> int:
        return _AT_ONCE - len(self._under_way)

    async def _work_on_marked(self) -> None:
        while most := self._free if self._is_crowded else _BATCH:
            claimed = await self._store.claim(self._lease, most, busy=self._under_way)
            plain = [one for one in claimed if self._pipeline.is_plain(one.ref, one.text)]
            reading = [one for one in claimed if not self._pipeline.is_plain(one.ref, one.text)]
            begun, left = reading[: self._free], reading[self._free :]
            self._start(begun)
            self._is_crowded = bool(left) or (self._is_crowded and len(begun) == most)
            if left:
                await self._store.hand_back(self._lease, [one.id for one in left])
            if plain:
                await self._process_plain(plain)
            if not claimed or (left and not plain):
                return

    def _start(self, items: Sequence[Unprocessed]) -> None:
        for one in items:
            task = asyncio.create_task(self._process(one), name=f"process {one.ref}")
            self._under_way[one.id] = task
            task.add_done_callback(partial(self._end, one.id))

    def _end(self, id_: int, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(id_, None)
        self._finished.set()

    async def _process_plain(self, items: Sequence[Unprocessed]) -> None:
        await self._recorder.commit(*await threads.offload(self._plain_outcomes, items))

    def _plain_outcomes(self, items: Sequence[Unprocessed]) -> list[Outcome]:
        return [one.outcome(self._plain(one.ref, entities.of_text(one.text))) for one in items]

    def _plain(self, ref: str, entity: json.JsonObject) -> Processed:
        return results.processed(ref, self._pipeline.process_plain(entity))

    async def _process(self, one: Unprocessed) -> None:
        began = time.monotonic()
        try:
            result = await self._result(one)
            if not (result.is_ended or result.is_unchanged):
                await self._write_children(one, result.emitted)
            await self._recorder.commit(one.outcome(self._processed(one, result)))
            outcome = "unchanged" if result.is_unchanged else "changed" if result.is_ok else "errors"
            PROCESSING.observe(time.monotonic() - began, outcome)
        except LeaseLostError as error:
            _log.info("entity_left_to_others", entity_ref=one.ref, reason=error.message)

    async def _result(self, one: Unprocessed) -> PipelineResult:
        entity, began = entities.of_text(one.text), time.monotonic()
        result = await self._pipelined(one, entity)
        watching.count(entity, result, time.monotonic() - began)
        return result

    async def _pipelined(self, one: Unprocessed, entity: json.JsonObject) -> PipelineResult:
        try:
            state = entities.of_text(one.state) if one.state else {}
            conditional = one.result_hash is not None and not one.result_hash.startswith("!")
            return await self._pipeline.process(entity, state, conditional=conditional)
        except Exception as error:  # noqa: BLE001  # the processing loop's edge: recorded; the schedule tries again
            _log.exception("entity_processing_failed", entity_ref=one.ref, error=str(faults.of(error)))
            return PipelineResult({}, (faults.of(error),), is_ended=True)

    def _processed(self, one: Unprocessed, result: PipelineResult) -> Processed:
        if result.is_unchanged:
            return Processed(one.ref, None, result_hash=one.result_hash, children=None)
        return results.processed(one.ref, result, has_plugins=self._pipeline.has_plugins)

    async def _write_children(self, one: Unprocessed, emitted: Sequence[Emitted]) -> None:
        """Write new and changed entities part by part, with their own results where those can be had at once.

        The result of the entity that brings them is committed last. If this is broken off, it is processed again and
        finds unchanged what was written before.
        """
        for start in range(0, len(emitted), _BATCH):
            part = emitted[start : start + _BATCH]
            known = await self._recorder.known([child.ref for child in part])
            changed = [child for child in part if results.needs_processing(child, known)]
            if changed:
                await self._recorder.write_children(one.id, await threads.offload(self._children, changed))

    def _children(self, emitted: Sequence[Emitted]) -> list[Child]:
        made = []
        for one in emitted:
            is_plain = self._pipeline.is_plain(one.ref, one.text)
            made.append(Child(one.deferred(), self._plain(one.ref, one.entity()) if is_plain else None))
        return made
