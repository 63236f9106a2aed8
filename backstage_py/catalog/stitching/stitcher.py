"""The loop that has marked entities stitched in batches; only what changed is written.

Each process of a database has one; they share the work by claiming it under their leases.
"""

import asyncio
import time
from collections.abc import Sequence

from backstage_py import threads
from backstage_py.catalog.outages import OUTAGES, pause
from backstage_py.catalog.stitching import final
from backstage_py.metrics.catalog import STITCHED, STITCHING
from backstage_py.storage.catalog import marks
from backstage_py.storage.catalog.lease import Lease
from backstage_py.storage.catalog.stitching import Final, StitchStore
from backstage_py.storage.database import Database

_BATCH = 1000
_PATIENCE = 5.0
_REST = 1.0
_LULL = 0.2
_MANY_RELATIONS = 30


class Stitcher:
    """Stitches what is marked, in batches, as soon as it is marked.

    Args:
        database: whose wakes are listened to.
        store: what is stitched.
        lease: under which entities are claimed and written.
    """

    def __init__(self, database: Database, store: StitchStore, lease: Lease) -> None:
        self._database = database
        self._store = store
        self._lease = lease
        self._resting: dict[int, float] = {}

    async def run(self) -> None:
        """Work until cancelled.

        An entity with many relations waits a second after it was stitched, or until nothing else is marked: while
        thousands of entities come in, each batch of them changes the same owners and systems.
        """
        with self._database.wakes.subscribe(marks.STITCH) as wake:
            while True:
                try:
                    if await self._drain():
                        await self._store.rest()
                except OUTAGES as error:
                    await pause(error)
                    continue
                if not await wake.wait(_LULL if self._resting else _PATIENCE):
                    self._resting.clear()

    async def _drain(self) -> bool:
        """Stitch all that is marked, the next batch while the one before is written; False when nothing was marked."""
        finals = await self._next_batch(())
        found = bool(finals)
        while finals:
            began = time.monotonic()
            _, following = await asyncio.gather(
                self._store.write(self._lease, finals), self._next_batch([one.id for one in finals])
            )
            STITCHED.inc(amount=len(finals))
            STITCHING.observe(time.monotonic() - began)
            await self._store.keep_up()
            finals = following or await self._next_batch(())
        return found

    async def _next_batch(self, in_writing: Sequence[int]) -> list[Final]:
        """Return a batch put together, without what is being written: that may be marked again meanwhile."""
        now = time.monotonic()
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        pieces = await self._store.claim(self._lease, _BATCH, busy=[*self._resting, *in_writing])
        until = time.monotonic() + _REST
        self._resting.update((one.id, until) for one in pieces if len(one.relations) > _MANY_RELATIONS)
        return await threads.offload(lambda: [final.of(one) for one in pieces]) if pieces else []
