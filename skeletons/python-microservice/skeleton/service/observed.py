"""What happens around each request of the API: it is counted, logged, and answered if it fails."""

import logging
import time

from fastapi.responses import JSONResponse
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import Metrics
from service.probes import PATHS

_log = logging.getLogger(__name__)


class Observed:
    """Middleware. Probes and metrics pass by: they would be most of what is logged."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PATHS:
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, noted)
            except Exception as error:
                trace.get_current_span().record_exception(error)
                _log.exception("request failed", extra={"path": scope["path"]})
                if status:  # too late for another answer: the server cuts the connection
                    raise
                failed = JSONResponse({"detail": "Internal Server Error"}, 500)
                await failed(scope, receive, noted)
            finally:
                seconds = time.perf_counter() - start
                code = status or 499  # the client was gone before there was an answer
                self._metrics.observe(_route(scope), scope["method"], code, seconds)
                _log.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": code,
                        "seconds": round(seconds, 6),
                    },
                )


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))
