"""What a scrape reads out of the database: at most some seconds old, and never waited for long.

A scrape gets what is known and has it renewed behind it, so that it takes a few milliseconds however slow the database
is. What was not renewed for a minute is no longer told; that the database is away is.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from backstage_py import threads
from backstage_py.errors import ServiceUnavailableError
from backstage_py.metrics import exposition, reporting, shared
from backstage_py.metrics.collecting import Collection
from backstage_py.metrics.instruments import Instrument
from backstage_py.model import times
from backstage_py.model.json import JsonObject
from backstage_py.storage import overview
from backstage_py.storage.database import Database
from backstage_py.storage.overview import Contents, Overview

_FRESH_SECONDS = 5.0
_OLD_SECONDS = 60.0
_CONTENTS_SECONDS = 10.0
_WAIT_SECONDS = 1.0
_REPORT_SECONDS = 300.0


@dataclass(slots=True)
class Scrapes:
    """Answers scrapes.

    Attributes:
        collection: what this service counts.
        database: its database.
        report: returns the platform's report.
    """

    collection: Collection
    database: Database
    report: Callable[[], Awaitable[JsonObject]]
    _read_at: float = float("-inf")
    _counted_at: float = float("-inf")
    _contents: Contents | None = None
    _reported_at: float = float("-inf")
    _reported: reporting.Readings = field(default_factory=dict)
    _renewing: "asyncio.Task[None] | None" = None
    _kinds: set[str] = field(default_factory=set)

    async def text(self) -> bytes:
        """Return what a scrape gets."""
        age = time.monotonic() - self._read_at
        if age > _FRESH_SECONDS and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew(), name="metrics")
        if age > _OLD_SECONDS and self._renewing:
            await asyncio.wait({self._renewing}, timeout=_WAIT_SECONDS)
            if time.monotonic() - self._read_at > _OLD_SECONDS:
                self.collection.readings = {shared.DATABASE_UP: {(): 0.0}}
        return await threads.offload(lambda: exposition.text(self.collection))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Leave nothing behind when the block is left."""
        try:
            yield self
        finally:
            if self._renewing:
                self._renewing.cancel()
                await asyncio.gather(self._renewing, return_exceptions=True)

    async def _renew(self) -> None:
        try:
            found = await overview.overview(self.database)
            if time.monotonic() - self._counted_at > _CONTENTS_SECONDS:
                self._contents = await overview.contents(self.database)
                self._counted_at = time.monotonic()
        except ServiceUnavailableError:
            self.collection.readings = {**self.collection.readings, shared.DATABASE_UP: {(): 0.0}}
            return
        self.collection.readings = {
            shared.DATABASE_UP: {(): 1.0},
            **_of_overview(found),
            **(self._of_contents(self._contents) if self._contents else {}),
            **self._reported,
        }
        self._read_at = time.monotonic()
        await self._renew_report()

    async def _renew_report(self) -> None:
        """Read the report behind all else, now and then, whatever becomes of it: it takes the longest."""
        if time.monotonic() - self._reported_at > _REPORT_SECONDS:
            self._reported_at = time.monotonic()
            with contextlib.suppress(ServiceUnavailableError):
                self._reported = reporting.readings((await self.report())["total"])
                self.collection.readings = {**self.collection.readings, **self._reported}

    def _of_contents(self, found: Contents) -> dict[Instrument, dict[tuple[str, ...], float]]:
        now = times.now()
        self._kinds |= found.entities.keys()  # a kind without entities any more is told as 0, as by Backstage
        return {
            shared.ENTITIES: {(kind,): found.entities.get(kind, 0) for kind in sorted(self._kinds)},
            shared.LOCATIONS: {(): found.locations},
            shared.RELATIONS: {(): found.relations},
            shared.FAILING: {(): found.with_errors},
            shared.PROVIDER_UP: {(one.name,): float(one.error is None) for one in found.providers if one.ended_at},
            shared.PROVIDER_AGE: {
                (one.name,): max(now - one.succeeded_at, 0) / 1000 for one in found.providers if one.succeeded_at
            },
            shared.PROVIDER_ENTITIES: {(one.name,): one.entities for one in found.providers},
            shared.PROVIDER_FAILURES: {(one.name,): one.failures for one in found.providers},
        }


def _of_overview(found: Overview) -> dict[Instrument, dict[tuple[str, ...], float]]:
    return {
        shared.TASKS: {("open",): found.open, ("processing",): found.live_claims + found.silent_claims},
        shared.OLDEST_OPEN: {(): found.oldest_open},
        shared.TASK_LEASES: {("live",): found.live_claims, ("silent",): found.silent_claims},
        shared.CATALOG_LEASES: {("held",): found.held_leases, ("expired",): found.expired_leases},
        shared.PROCESS_QUEUE: {(): found.process_queue},
        shared.STITCH_QUEUE: {(): found.stitch_queue},
        shared.PROCESSING_LAG: {(): found.processing_lag},
    }
