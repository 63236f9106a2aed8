"""Liveness and readiness, as Backstage's root health service answers them, and whether the start is over (ours)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py import background
from backstage_py.http.respond import json_response

_UNAVAILABLE = 503
_NOT_STARTED = "Backend has not started yet"


@dataclass(slots=True)
class Health:
    """Whether the service is ready for requests.

    Attributes:
        answers: whether the database answers now; it takes less than two seconds to say so.
        delay: seconds between reporting the stop and stopping, for load balancers to notice.
        problems: each says what keeps the service from its work now, such as that no worker process runs.
    """

    answers: Callable[[], Awaitable[bool]]
    ready: bool = False
    stopping: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    problems: list[Callable[[], Sequence[str]]] = field(default_factory=list)

    async def problem(self) -> str | None:
        """Return why no request should come here now, None when they may."""
        if self.stopping:
            return "Backend is shutting down"
        if not self.ready:
            return _NOT_STARTED
        if not await self.answers():
            return "The database does not answer"
        if failing := background.failing():
            return f"Work in the background fails and is tried again: {', '.join(failing)}"
        return next((found for ask in self.problems for found in ask()), None)

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
        return told(await health.problem())

    async def startup(_request: Request) -> Response:
        return told(None if health.ready else _NOT_STARTED)

    def told(problem: str | None) -> Response:
        if problem is None:
            return json_response({"status": "ok"}, headers=health.headers)
        return json_response({"status": "error", "message": problem}, _UNAVAILABLE, health.headers)

    async def liveness(_request: Request) -> Response:
        return json_response({"status": "ok"}, headers=health.headers)

    return [
        Route("/.backstage/health/v1/readiness", readiness),
        Route("/.backstage/health/v1/liveness", liveness),
        Route("/.backstage/health/v1/startup", startup),
    ]
