"""The application, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service import NAME, TEAM, database, probes, tracing
from service.metrics import Metrics
from service.observed import Observed
from service.probes import Readiness
from service.routes import routers
from service.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    metrics, readiness = Metrics(settings.version), Readiness()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with database.opened() as opened:
            app.state.database = readiness.database = opened
            readiness.ready = True
            yield
        finish_traces()

    app = FastAPI(
        title=NAME,
        description=f"A service of the team {TEAM}",
        version="1.0.0",  # of the API; which build runs says GET /
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.settings, app.state.readiness = settings, readiness
    app.include_router(probes.router(metrics, readiness))
    for router in routers():
        app.include_router(router)
    app.add_middleware(Observed, metrics=metrics)
    finish_traces = tracing.instrument(app, settings)
    return app
