"""Looks at what a run's workspace holds, behind its steps and during long ones, and fails the one that is too much."""

import asyncio
import os
import time
from pathlib import Path

from backstage_py.disk import DiskFullError, Quota, QuotaError
from backstage_py.plugin import CancelSignal, short_work

_OFTEN = 1.0
_SHARE = 20
"""A look takes no more than this part of the run's time; the one behind the last step is always taken."""


class WorkspaceWatch:
    """The watch of one run.

    Args:
        signal: set when the workspace holds too much while a step runs; ``failure`` says so then.
    """

    def __init__(self, quota: Quota, folder: Path, signal: CancelSignal) -> None:
        self.failure: QuotaError | DiskFullError | None = None
        self._quota = quota
        self._folder = folder
        self._signal = signal
        self._took = 0.0
        self._looked = time.monotonic()
        self._empty_since: int | None = None
        self._was_filled = False
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on, as long as the run lasts.

        Raises:
            DiskFullError: there is no room for a run.
        """
        self._quota.check_room(self._folder)
        self._again()

    def stop(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()
        if self._looking:
            self._looking.cancel()

    async def look(self, *, surely: bool) -> None:
        """Look behind a step.

        Raises:
            QuotaError, DiskFullError: see ``Quota.check``.
        """
        if self.failure:
            raise self.failure
        if self._is_still_empty(surely=surely) or (
            not surely and time.monotonic() - self._looked < self._took * _SHARE
        ):
            return
        await self._look()

    def _is_still_empty(self, *, surely: bool) -> bool:
        """Whether nothing was put into the folder since it was seen to be empty: most steps write nothing.

        A time stamp is some milliseconds coarse, so one that is the same says less than a look inside. Once it held
        something, this is not asked any more: what holds little is looked at as fast.
        """
        if self._was_filled:
            return False
        try:
            changed = self._folder.stat().st_mtime_ns
            if changed == self._empty_since and not surely:
                return True
            with os.scandir(self._folder) as entries:
                self._was_filled = any(entries)
        except OSError:
            return False
        self._empty_since = None if self._was_filled else changed
        return self._empty_since is not None

    async def _look(self) -> None:
        began = time.monotonic()
        await short_work.run(self._quota.looking(self._folder))
        self._looked = time.monotonic()
        self._took = self._looked - began

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(_OFTEN, self._took * _SHARE), self._tick)

    def _tick(self) -> None:
        self._looking = asyncio.create_task(self._look_meanwhile())

    async def _look_meanwhile(self) -> None:
        try:
            await self._look()
        except (QuotaError, DiskFullError) as error:
            self.failure = error
            self._signal.set()
        else:
            self._again()
