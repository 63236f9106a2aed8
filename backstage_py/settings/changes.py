"""Files of the configuration that change while a service runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from backstage_py import threads

_LOOK_SECONDS = 2.0


async def seen(files: Sequence[Path]) -> AsyncIterator[None]:
    """Yield whenever one of them has changed, was removed or came back, in a few seconds and for ever."""
    before = await threads.file_work(_state, files)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = await threads.file_work(_state, files)
        if now != before:
            before = now
            yield


def _state(files: Sequence[Path]) -> tuple[object, ...]:
    """Return what changes when a file is written or replaced, also through a link as Kubernetes does it."""
    found: list[object] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
