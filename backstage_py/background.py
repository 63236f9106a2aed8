"""Work beside a block: coroutines that run for as long as it does, owned and awaited by whoever enters it.

Everything that starts and stops has the shape of this function: ``async with part.running(): …``.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None], name: str | None = None) -> AsyncIterator[None]:
    """Run coroutines until the block is left; they are cancelled then, and their end is awaited."""
    tasks = [asyncio.create_task(one, name=name) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
