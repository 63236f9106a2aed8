"""Liveness and readiness, as Backstage's root health service answers them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py import background
from backstage_py.http.respond import json_response

_UNAVAILABLE = 503


@dataclass(slots=True)
class Health:
    """Whether the service is ready for requests.

    Attributes:
        answers: whether the database answers now; it takes less than two seconds to say so.
        delay: seconds between reporting the stop and stopping, for load balancers to notice.
    """

    answers: Callable[[], Awaitable[bool]]
    ready: bool = False
    stopping: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be ready until the block is left, then say for ``delay`` seconds that the service is about to stop."""
        self.ready = True
        try:
            yield
        finally:
            self.stopping = True
            if self.delay:
                await asyncio.sleep(self.delay)


def routes(health: Health) -> list[Route]:
    """Return the routes below ``/.backstage/health/v1``; no token is needed."""

    async def readiness(_request: Request) -> Response:
        if health.stopping or not health.ready:
            message = "Backend is shutting down" if health.stopping else "Backend has not started yet"
            return json_response({"status": "error", "message": message}, _UNAVAILABLE, health.headers)
        if not await health.answers():
            return json_response(
                {"status": "error", "message": "The database does not answer"}, _UNAVAILABLE, health.headers
            )
        if failing := background.failing():
            message = f"Work in the background fails and is tried again: {', '.join(failing)}"
            return json_response({"status": "error", "message": message}, _UNAVAILABLE, health.headers)
        return json_response({"status": "ok"}, headers=health.headers)

    async def liveness(_request: Request) -> Response:
        return json_response({"status": "ok"}, headers=health.headers)

    return [
        Route("/.backstage/health/v1/readiness", readiness),
        Route("/.backstage/health/v1/liveness", liveness),
    ]
