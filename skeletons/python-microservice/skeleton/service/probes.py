"""What Kubernetes and Prometheus ask for. It is no part of the API's document."""

from dataclasses import dataclass

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from service.database import Database
from service.metrics import Metrics

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


@dataclass
class Readiness:
    """Whether requests should come here: from the start to the signal to stop.

    Where there is a database, it has to answer too.
    """

    ready: bool = False
    database: Database | None = None

    async def problem(self) -> str | None:
        if not self.ready:
            return "not ready"
        if self.database and not await self.database.answers():
            return "no database"
        return None


def router(metrics: Metrics, readiness: Readiness) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz")
    async def ready(response: Response) -> dict[str, str]:
        problem = await readiness.problem()
        if problem:
            response.status_code = 503
        return {"status": problem or "ready"}

    @routes.get("/metrics")
    async def prometheus() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
