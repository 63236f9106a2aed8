"""For how long attempts have been silent while this process looked on, by a clock that nobody sets.

Nobody is silent while the database does not answer or cannot be written, or while this process was stopped itself: what
was seen before such a break does not count, and workers get a few heartbeats more to find their way back.
"""

import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backstage_py.storage.scaffolder.upkeep import Running

FEW_HEARTBEATS = 2.5
"""Seconds; a live worker shows itself once a second."""
_SLOW_LOOK = 1.0  # seconds; a database that takes longer may have kept heartbeats waiting, too
_LONGEST_PAUSE = 6.0  # seconds between two looks of a process that nothing holds up


class Silence:
    """Remembers since when each running attempt looks as it does."""

    def __init__(self) -> None:
        self._since: dict[Running, float] = {}
        self._looked_at: float | None = None

    @asynccontextmanager
    async def look(self) -> AsyncIterator[list[Running]]:
        """Take what the block finds running, which it puts into the list; a block that fails is a break."""
        began, found = time.monotonic(), list[Running]()
        try:
            yield found
        except Exception:
            self._looked_at = -math.inf
            raise
        self._take(found, began, time.monotonic())

    def seconds(self, one: Running) -> float:
        """Return for how long an attempt has looked as it does; less than nothing just behind a break."""
        return time.monotonic() - self._since.get(one, math.inf)

    def _take(self, found: Sequence[Running], began: float, now: float) -> None:
        last = began if self._looked_at is None else self._looked_at
        is_broken_off = began - last > _LONGEST_PAUSE or now - began > _SLOW_LOOK
        fresh = now + FEW_HEARTBEATS if is_broken_off else now
        known = {} if is_broken_off else self._since
        self._since = {one: known.get(one, fresh) for one in found}
        self._looked_at = now
