"""Whether the client of a request is still there, for answers that take long."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

T = TypeVar("T")


async def gone(receive: Receive) -> None:
    """Return once the client has gone. The request's body must have been read, or not be needed."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def until_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns, or end it when the client goes before.

    Raises:
        ClientDisconnect: the client has gone; the work was cancelled and has cleaned up.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
