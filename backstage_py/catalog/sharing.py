"""How the processes of one database share the catalog's work: each works on what it has leased, and stops without it.

A lease lasts for some seconds by the database's clock and is renewed several times meanwhile. It is lost when it was
not renewed in time: the process was stopped, the database was away. Then what it stood for is cancelled at once,
whatever it still writes is refused by the store, and somebody else goes on.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

from backstage_py import background
from backstage_py.catalog.outages import OUTAGES, pause
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.lease import Lease, LeaseLostError
from backstage_py.storage.catalog.leases import LeaseStore
from backstage_py.storage.database import Database

_log = structlog.get_logger(__name__)

_RENEWALS = 4  # in the time of a lease
_FAREWELL = 5.0

Work = Callable[[Lease], Coroutine[Any, Any, None]]
"""What is done under a lease, until it is cancelled."""


class Held:
    """A lease that this process believes to have.

    Attributes:
        until: when it ends unless it is renewed, in seconds of the monotonic clock; never later than the database says.
        lost: set when it has ended.
    """

    def __init__(self, lease: Lease, until: float) -> None:
        self.lease = lease
        self.until = until
        self.lost = asyncio.Event()


class Leases:
    """The leases of this process.

    Args:
        database: whose wakes are listened to.
        store: of the leases.
    """

    def __init__(self, database: Database, store: LeaseStore) -> None:
        self._database = database
        self._store = store
        self._held: set[Held] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Renew what is held, and end what others do not renew, until the block is left."""
        async with background.running(background.supervised("catalog.leases", self._renew_for_ever)):
            yield

    async def keep(self, name: str, work: Work, *, tried: asyncio.Event | None = None) -> None:
        """Take a lease as soon as it is free, and work while it is held; again and again.

        Args:
            name: of the lease.
            work: what to do.
            tried: is set when somebody else turned out to have the lease; ``work`` sets it otherwise.
        """
        with self._database.wakes.subscribe(marks.LEASES) as wake:
            while True:
                if held := await self._taken(name):
                    await self._work(held, work)
                    continue
                if tried:
                    tried.set()
                await wake.wait(self._store.seconds / _RENEWALS)

    async def _taken(self, name: str) -> Held | None:
        begun = time.monotonic()
        try:
            lease = await self._store.take(name)
        except OUTAGES as error:
            await pause(error)
            return None
        if lease is None:
            return None
        held = Held(lease, begun + self._store.seconds)
        self._held.add(held)
        _log.info("catalog_lease_taken", lease=name, token=lease.token)
        return held

    async def _work(self, held: Held, work: Work) -> None:
        """Work until the lease is lost, or the work ends; hand the lease back if it is still held."""
        working = asyncio.ensure_future(self._fenced(held, work))
        losing = asyncio.ensure_future(held.lost.wait())
        try:
            await asyncio.wait((working, losing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (working, losing):
                one.cancel()
            await asyncio.gather(working, losing, return_exceptions=True)
            self._held.discard(held)
            if held.lost.is_set():
                _log.warning("catalog_lease_lost", lease=held.lease.name, token=held.lease.token)
            await self._give_back(held)
        if not working.cancelled():
            working.result()

    @staticmethod
    async def _fenced(held: Held, work: Work) -> None:
        try:
            await work(held.lease)
        except LeaseLostError:
            held.lost.set()

    async def _give_back(self, held: Held) -> None:
        """End the lease, so that nobody has to wait for its time; also one that is thought to be lost."""
        giving = asyncio.ensure_future(self._store.give_back(held.lease))
        with contextlib.suppress(TimeoutError, *OUTAGES):
            async with asyncio.timeout(_FAREWELL):
                await asyncio.shield(giving)
        giving.cancel()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._store.seconds / _RENEWALS)
            try:
                async with asyncio.timeout(self._left()):
                    await self._renew()
                    await self._store.end_dead()
            except (TimeoutError, *OUTAGES) as error:
                _log.warning("catalog_leases_not_renewed", error=str(error) or type(error).__name__)
            self._drop_late()

    async def _renew(self) -> None:
        begun, held = time.monotonic(), set(self._held)
        if not held:
            return
        kept = await self._store.renew(one.lease for one in held)
        for one in held:
            if one.lease.token in kept:
                one.until = begun + self._store.seconds
            else:
                one.lost.set()

    def _left(self) -> float:
        """Return after how many seconds the first of the leases ends: so long an answer is worth waiting for."""
        ends = min((one.until for one in self._held), default=time.monotonic() + self._store.seconds)
        return max(ends - time.monotonic(), 0.0)

    def _drop_late(self) -> None:
        now = time.monotonic()
        for one in self._held:
            if one.until <= now:
                one.lost.set()
