"""Changes of files below the folder, for everyone who watches the page."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from backstage_py import background
from backstage_py.cli import watching

_DEBOUNCE_MS = 100
_QUIET_SECONDS = 15.0


class Changes:
    """Counts the changes below a folder.

    Args:
        folder: what is watched.
        ignored: names of folders in it that are not.
    """

    def __init__(self, folder: Path, ignored: Sequence[str]) -> None:
        self._folder = folder
        self._ignored = ignored
        self._count = 0
        self._paths: list[str] = []
        self._happened = asyncio.Event()

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch until the block is left."""
        async with background.running(background.supervised("workbench.changes", self._watch)):
            yield

    async def follow(self) -> AsyncIterator[tuple[int, Sequence[str]] | None]:
        """Yield the count and the paths of each change, at first the count there is; None after a quiet time."""
        seen = self._count
        yield seen, ()
        while True:
            happened = self._happened
            if self._count == seen:
                try:
                    async with asyncio.timeout(_QUIET_SECONDS):
                        await happened.wait()
                except TimeoutError:
                    yield None
                    continue
            seen = self._count
            yield seen, self._paths

    async def _watch(self) -> None:
        from watchfiles import awatch

        wanted = watching.saves(self._ignored)
        async for changes in awatch(self._folder, watch_filter=wanted, debounce=_DEBOUNCE_MS):
            self._paths = sorted({Path(name).relative_to(self._folder).as_posix() for _, name in changes})
            self._count += 1
            happened, self._happened = self._happened, asyncio.Event()
            happened.set()
