"""How the processes of one database share the catalog's work: each works on what it has leased, and stops without it.

A lease lasts for some seconds by the database's clock and is renewed several times meanwhile. It is lost when it was
not renewed in time: the process was stopped, the database was away. Then what it stood for is cancelled, a little
before the database gives it to somebody else, so that it has ended by then. A process that did not run at that moment
learns of it when it goes on; whatever it still writes is refused by the store.
"""

import asyncio
import contextlib
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
_MARGIN = 1 / 8  # of a lease: what its work has to end in before another process may begin
_FAREWELL = 5.0

Work = Callable[[Lease], Coroutine[Any, Any, None]]
"""What is done under a lease, until it is cancelled."""


class Held:
    """A lease that this process believes to have.

    Attributes:
        lost: set when it has ended.
    """

    def __init__(self, lease: Lease, since: float, seconds: float) -> None:
        self.lease = lease
        self.lost = asyncio.Event()
        self.renewed(since, seconds)

    def renewed(self, since: float, seconds: float) -> None:
        """Hold it for so many seconds of the event loop's clock, from the moment at which that was asked for."""
        self._until = since + seconds * (1 - _MARGIN)

    @property
    def left(self) -> float:
        """How many seconds are left until it must be given up; none when it is lost."""
        return 0.0 if self.lost.is_set() else max(self._until - _now(), 0.0)

    async def ends(self) -> None:
        """Wait until it is lost; nobody has to notice for it that it was not renewed."""
        while left := self.left:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self.lost.wait()
        self.lost.set()


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
        begun = _now()
        try:
            lease = await self._store.take(name)
        except OUTAGES as error:
            await pause(error)
            return None
        if lease is None:
            return None
        held = Held(lease, begun, self._store.seconds)
        self._held.add(held)
        _log.info("catalog_lease_taken", lease=name, token=lease.token)
        return held

    async def _work(self, held: Held, work: Work) -> None:
        """Work until the lease is lost, or the work ends; hand the lease back if it is still held."""
        working = asyncio.ensure_future(self._fenced(held, work))
        losing = asyncio.ensure_future(held.ends())
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

    async def _renew(self) -> None:
        begun, held = _now(), [one for one in self._held if one.left]
        if not held:
            return
        kept = await self._store.renew(one.lease for one in held)
        for one in held:
            if one.lease.token in kept:
                one.renewed(begun, self._store.seconds)
            else:
                one.lost.set()

    def _left(self) -> float:
        """Return after how many seconds the first of the leases ends: so long an answer is worth waiting for."""
        return min((one.left for one in self._held if one.left), default=self._store.seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
