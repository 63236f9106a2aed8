"""Errors on the wire: ``{"error": {name, message}, "request": {method, url}, "response": {statusCode}}``.

Errors of ours show their message. Anything else is a fault of this service: it is logged in full with an id, and the
client gets the id only.
"""

import asyncio
import secrets
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py.errors import BackstageError, InputError, ServiceUnavailableError, as_name
from backstage_py.http.respond import json_response, not_found
from backstage_py.tracing import spans

_log = structlog.get_logger(__name__)
_SERVER_ERROR = 500
_UNAVAILABLE = 503
_LATER = {"retry-after": "5"}
_ENDING = "The service ends before it could answer; ask again, and look first whether what you asked for is there"


class ErrorsMiddleware:
    """Turns what is raised behind it into an answer. The HTTP edge's one broad ``except`` is here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; answer for it when it raises before its answer began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:  # by the server, which ends and has waited for its answers for a while
            current = asyncio.current_task()
            if started or current is None:
                raise
            current.uncancel()
            await error_response(scope, ServiceUnavailableError(_ENDING))(scope, receive, send)
        except Exception as error:
            if started:
                _log.exception("response_broken_off", path=scope["path"])
                raise
            await error_response(scope, error)(scope, receive, send)


def error_response(scope: Scope, error: Exception) -> Response:
    """Return the answer for an error, in Backstage's shape; ``url`` is relative to the plugin."""
    if isinstance(error, HTTPException):
        return not_found()
    if isinstance(error, RecursionError):  # nothing of ours nests without end; what a caller sends may
        error = InputError("The request is nested too deeply")
    status = error.status if isinstance(error, BackstageError) else _SERVER_ERROR
    if status == _UNAVAILABLE:  # something else is at fault, and there may be many of these
        _log.warning("request_refused_for_now", method=scope["method"], path=scope["path"], problem=str(error))
    elif status >= _SERVER_ERROR:
        _log.error("request_failed", method=scope["method"], path=scope["path"], exc_info=error)
    body = {
        "error": describe(error),
        "request": _request(scope),
        "response": {"statusCode": status},
    }
    return json_response(body, status, _LATER if status == _UNAVAILABLE else None)


def _request(scope: Scope) -> dict[str, object]:
    """Return what was asked for, with the trace's id where there is one; Backstage's clients pass over it."""
    asked = {"method": scope["method"], "url": relative_url(scope)}
    trace = spans.trace_id()
    return {**asked, "traceId": trace} if trace else asked


def describe(error: Exception) -> dict[str, object]:
    """Return the ``error`` member: name, message and details of ours, a log id for anything else."""
    if isinstance(error, BackstageError):
        return {"name": as_name(error), "message": error.message, **error.details}
    log_id = secrets.token_hex(10)
    _log.error("internal_error_hidden", log_id=log_id, exc_info=error)
    return {"name": "Error", "message": f"An internal error occurred logId={log_id}"}


def relative_url(scope: Scope) -> str:
    """Return path and query as the plugin sees them, as they were sent."""
    root = scope.get("root_path", "")
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").removeprefix(root) or "/"
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


async def no_such_route(_request: Request, _error: Exception) -> Response:
    """Answer for a path or method that is unknown."""
    return not_found()


HANDLERS: dict[Any, Any] = {HTTPException: no_such_route}
"""For Starlette's ``exception_handlers``: without them an unknown method would be a 405 with text."""
