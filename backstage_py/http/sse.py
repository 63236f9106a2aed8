"""Event streams: batches of frames, sent as they come and closed when the client goes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from backstage_py.http.client_disconnect import gone

COMMENT = b": keep-alive\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),  # nginx passes each batch on at once
]


def frame(event: str, data: str) -> bytes:
    """Return one frame. ``data`` is JSON text, so it holds no line break."""
    return f"event: {event}\ndata: {data}\n\n".encode()


class EventStreamResponse:
    """An ASGI answer that sends each item of ``batches`` at once.

    Args:
        batches: each item is a number of whole frames, or a comment to keep proxies from closing. The first one comes
            at once; when there is an error in its place, that is the answer.
    """

    def __init__(self, batches: AsyncIterator[bytes]) -> None:
        self._batches = batches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the batches end or the client goes."""
        first = await anext(self._batches, b"") if scope["method"] != "HEAD" else b""
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        sending = asyncio.ensure_future(self._send_all(first, send))
        leaving = asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(sending, leaving, return_exceptions=True)
        if sending.done() and not sending.cancelled() and (error := sending.exception()):
            raise error

    async def _send_all(self, first: bytes, send: Send) -> None:
        if first:
            await send({"type": "http.response.body", "body": first, "more_body": True})
        async for batch in self._batches:
            await send({"type": "http.response.body", "body": batch, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
