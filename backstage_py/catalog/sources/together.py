"""Many calls, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def together(call: Callable[[T], Awaitable[R]], items: Iterable[T], *, at_a_time: int = 10) -> list[R]:
    """Return what a function returns for each item, in their order; the first failure ends all."""
    places = asyncio.Semaphore(at_a_time)

    async def one(item: T) -> R:
        async with places:
            return await call(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
