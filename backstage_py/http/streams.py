"""Open event streams, so that a stop can end them: they would hold the server open for as long as clients listen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py.metrics.scaffolder import STREAMS


class OpenStreams:
    """The requests whose answer is an event stream."""

    def __init__(self) -> None:
        self._requests: set[asyncio.Task[object]] = set()
        self.ending = False

    def add(self, request: "asyncio.Task[object]") -> None:
        """Remember a request."""
        self._requests.add(request)
        STREAMS.set(len(self._requests))

    def discard(self, request: "asyncio.Task[object]") -> None:
        """Forget a request."""
        if request in self._requests:
            self._requests.discard(request)
            STREAMS.set(len(self._requests))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End all streams when the block is left; each closes as if the server had sent everything."""
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """End all streams now."""
        self.ending = True
        for request in tuple(self._requests):
            request.cancel()


class StreamsMiddleware:
    """Registers event streams and closes them in good order."""

    def __init__(self, app: ASGIApp, streams: OpenStreams) -> None:
        self._app = app
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = asyncio.current_task()
        if scope["type"] != "http" or request is None:
            await self._app(scope, receive, send)
            return

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and is_stream(message):
                self._streams.add(request)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:
            if not self._streams.ending:
                raise
            request.uncancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.discard(request)


def is_stream(start: Message) -> bool:
    """Whether the answer that starts so is an event stream."""
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start.get("headers", ())
    )
