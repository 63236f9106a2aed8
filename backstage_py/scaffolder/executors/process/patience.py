"""Waiting for so long, counted in time in which this process ran."""

import asyncio
from typing import Any

SECOND = 1.0


async def done_within(awaited: "asyncio.Future[Any]", seconds: int) -> bool:
    """Wait for a future, and return whether it is done; it is not cancelled, and its error is not raised.

    A service that was stopped for a while, or whose machine was, finds the time over at once when it goes on, before
    it has looked at what came meanwhile. So it is counted second by second, and a stop costs one of them.
    """
    for _ in range(seconds):
        if awaited.done():
            break
        await asyncio.wait({awaited}, timeout=SECOND)
    return awaited.done()
