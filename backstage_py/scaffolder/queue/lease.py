"""The lease of an attempt, as its process sees it: may it go on, and have its next effect?

Nobody takes a lease away that was renewed within the last ``_SECONDS``, so within them no question is asked. A process
that was stopped, starved or cut off finds more time gone when it comes back, and asks the database before it goes on.
"""

import asyncio
import time

from backstage_py.errors import ServiceUnavailableError
from backstage_py.model.task import Claim, ClaimLost
from backstage_py.storage.scaffolder.claims import ClaimStore

_SECONDS = 2.0
"""Less than the time for which recovery looks on at a silent attempt, whatever the clocks say."""
_PAUSE_SECONDS = 0.5
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # which goes on while a machine is suspended


def moment() -> float:
    """Return seconds of a clock that nobody sets."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """The lease of one attempt, renewed by its worker's heartbeats.

    Args:
        store: asked when too long ago a heartbeat renewed it.
        claim: what is leased.

    Attributes:
        is_ending: the attempt writes its end; that it is no longer leased behind it is no loss.
    """

    def __init__(self, store: ClaimStore, claim: Claim) -> None:
        self._store = store
        self._claim = claim
        self._valid_until = 0.0
        self._is_lost = False
        self.is_ending = False

    def renewed(self, asked_at: float) -> None:
        """Take note that the database renewed it when asked at that ``moment``."""
        self._valid_until = max(self._valid_until, asked_at + _SECONDS)

    def lose(self) -> None:
        """Take note that it is lost."""
        self._is_lost = True

    async def check(self) -> None:
        """Return when the attempt may go on; without an answer of the database it may not, and waits.

        Raises:
            ClaimLost: it may not.
        """
        while not self._is_lost and moment() >= self._valid_until:
            try:
                await self._ask()
            except ServiceUnavailableError:
                await asyncio.sleep(_PAUSE_SECONDS)
        if self._is_lost:
            raise ClaimLost(self._claim.id)

    async def _ask(self) -> None:
        asked_at = moment()
        if await self._store.renew(self._claim):
            self.renewed(asked_at)
        else:
            self.lose()
