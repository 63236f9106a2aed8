"""What one process does for the catalog: its part of processing and stitching, and the providers that it has leased."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from backstage_py import background
from backstage_py.catalog.outages import patiently
from backstage_py.catalog.pipeline.engine import Engine
from backstage_py.catalog.pipeline.processing import Pipeline
from backstage_py.catalog.sharing import Leases, Work
from backstage_py.catalog.sources.connected import Connected
from backstage_py.catalog.sources.connection import Stores
from backstage_py.catalog.stitching.stitcher import Stitcher
from backstage_py.integrations.web import rates
from backstage_py.plugin.catalog import EntityProvider
from backstage_py.storage.catalog.events import EventStore
from backstage_py.storage.catalog.lease import Lease, LeaseLostError
from backstage_py.storage.catalog.leases import LeaseStore
from backstage_py.storage.catalog.providers import ProviderStore
from backstage_py.storage.catalog.refresh import RefreshStore
from backstage_py.storage.catalog.schedules import ScheduleStore
from backstage_py.storage.catalog.stitching import StitchStore
from backstage_py.storage.database import Database

Run = Callable[[], Coroutine[Any, Any, None]]


class CatalogWorker:
    """Works until it is stopped; every process of a database may have one.

    Args:
        database: an open database with the catalog's tables.
        store: the refresh state.
        stitches: the final entities.
        pipeline: what is done to an entity; None to leave processing to others.
        lease_seconds: after how long others take over from a process that is silent.
    """

    def __init__(
        self,
        database: Database,
        store: RefreshStore,
        stitches: StitchStore,
        pipeline: Pipeline | None,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._store = store
        self._stitches = stitches
        self._pipeline = pipeline
        self._leases = Leases(database, LeaseStore(database, lease_seconds))
        self._stores = Stores(database, store, ScheduleStore(database), ProviderStore(database), EventStore(database))

    @asynccontextmanager
    async def running(self, providers: Sequence[EntityProvider], known: Sequence[str] | None) -> AsyncIterator[None]:
        """Work until the block is left, which is entered when the providers have told what there is.

        Args:
            providers: to connect, each unless another process has it.
            known: names of all sources; what others brought is removed. None keeps it.
        """
        connected = [Connected(one, self._stores, self._leases) for one in providers]
        async with (
            self._leases.running(),
            background.running(*(one.keep() for one in connected), name="catalog providers"),
        ):
            for one in connected:
                await one.tried.wait()
            async with self._processing(known):
                yield

    @asynccontextmanager
    async def _processing(self, known: Sequence[str] | None) -> AsyncIterator[None]:
        if self._pipeline is None:
            yield
            return
        begun = asyncio.Event()
        work = partial(self._process, self._pipeline, known, begun)
        async with background.running(background.supervised("catalog.processing", partial(self._keep, work, begun))):
            await begun.wait()
            yield

    async def _keep(self, work: Work, begun: asyncio.Event) -> None:
        try:
            with rates.background():
                await self._leases.keep(f"processing/{uuid.uuid4().hex[:8]}", work)
        finally:
            begun.set()  # what went wrong here does not keep the service from starting

    async def _process(
        self, pipeline: Pipeline, known: Sequence[str] | None, begun: asyncio.Event, lease: Lease
    ) -> None:
        if known is not None:
            await patiently(lambda: self._store.evict_other_providers(lease, known))
        begun.set()
        engine = Engine(self._database, self._store, pipeline, lease)
        stitcher = Stitcher(self._database, self._stitches, lease)
        await _first_to_end(
            background.supervised("catalog.engine", partial(_until_lost, engine.run)),
            background.supervised("catalog.stitching", partial(_until_lost, stitcher.run)),
        )


async def _until_lost(run: Run) -> None:
    try:
        await run()
    except LeaseLostError:
        return  # the lease is taken anew


async def _first_to_end(*work: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
