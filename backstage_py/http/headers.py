"""Headers that every answer carries: those of Helmet as Backstage sends them, and the request's id."""

import re
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py import logging
from backstage_py.http import paths, streams
from backstage_py.metrics.process import REQUEST_SECONDS, REQUESTS
from backstage_py.tracing import spans

_log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(rb"[\w.:+=/-]{1,128}")
_QUIET = ("/.backstage/health/", "/metrics")
_SERVER_ERROR = 500
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

DEFAULT_CSP: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "base-uri": ("'self'",),
    "font-src": ("'self'", "https:", "data:"),
    "frame-ancestors": ("'self'",),
    "img-src": ("'self'", "data:"),
    "object-src": ("'none'",),
    "script-src": ("'self'", "'unsafe-eval'"),
    "script-src-attr": ("'none'",),
    "style-src": ("'self'", "https:", "'unsafe-inline'"),
    "upgrade-insecure-requests": (),
}


def security_headers(csp: Mapping[str, tuple[str, ...] | None]) -> list[tuple[bytes, bytes]]:
    """Return the fixed headers.

    Args:
        csp: ``backend.csp``: directives that replace the default ones; None removes one.
    """
    directives = {**DEFAULT_CSP, **csp}
    policy = ";".join(" ".join((name, *values)) for name, values in directives.items() if values is not None)
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=15552000; includeSubDomains",
        "x-content-type-options": "nosniff",
        "x-dns-prefetch-control": "off",
        "x-download-options": "noopen",
        "x-frame-options": "SAMEORIGIN",
        "x-permitted-cross-domain-policies": "none",
        "x-xss-protection": "0",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class EdgeMiddleware:
    """The outermost layer: fixed headers, the request's id in answers and logs, one access log line per request.

    A caller's ``x-request-id`` is kept when it looks like one, so that a request can be followed across services.
    """

    def __init__(self, app: ASGIApp, fixed: list[tuple[bytes, bytes]], plugins: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._fixed = fixed
        self._plugins = plugins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        paths.as_sent(scope)
        request_id = _request_id(scope)
        status, is_stream = 0, False

        async def with_headers(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status, is_stream = message["status"], streams.is_stream(message)
                own = [*self._fixed, (b"x-request-id", request_id)]
                message = {**message, "headers": [*own, *message.get("headers", ())]}
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        begun = perf_counter()
        plugin = self._plugin(scope)
        with logging.own_context(), _span(scope, plugin) as span:
            try:
                await self._app(scope, receive, with_headers)
            finally:
                seconds = perf_counter() - begun
                span.set("http.response.status_code", status)
                if status >= _SERVER_ERROR:
                    span.fail(str(status))
                _access_log(scope, status, seconds)
                self._count(scope, plugin, status, None if is_stream else seconds)
                structlog.contextvars.unbind_contextvars("request_id", "user")

    def _plugin(self, scope: Scope) -> str:
        found = scope["path"].removeprefix("/api/").partition("/")[0]
        return found if found in self._plugins else ""

    def _count(self, scope: Scope, plugin: str, status: int, seconds: float | None) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.inc(plugin, method, str(status))
        if seconds is not None:
            REQUEST_SECONDS.observe(seconds, plugin)


def _span(scope: Scope, plugin: str) -> AbstractContextManager[spans.Span]:
    if not spans.are_on() or scope["path"].startswith(_QUIET):
        return spans.nothing()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    attributes = {"http.request.method": scope["method"], "url.path": scope["path"], "backstage.plugin": plugin}
    return spans.request(f"{scope['method']} {plugin}".rstrip(), headers, **attributes)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return secrets.token_hex(8).encode()


def _access_log(scope: Scope, status: int, seconds: float) -> None:
    report = _log.debug if scope["path"].startswith(_QUIET) else _log.info
    report(
        "request_served",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
