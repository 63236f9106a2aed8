"""What Kubernetes and Prometheus ask for. It is no part of the API's document."""

from dataclasses import dataclass

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from service.metrics import Metrics

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


@dataclass
class Readiness:
    """Whether requests should come here: between the start and the signal to stop."""

    ready: bool = False


def router(metrics: Metrics, readiness: Readiness) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz")
    async def ready(response: Response) -> dict[str, str]:
        if not readiness.ready:
            response.status_code = 503
            return {"status": "not ready"}
        return {"status": "ready"}

    @routes.get("/metrics")
    async def prometheus() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
