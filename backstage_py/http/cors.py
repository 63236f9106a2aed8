"""CORS as the npm package ``cors`` does it for Backstage: headers for allowed origins only, 204 to any preflight.

A preflight of another origin is passed on and refused like any request without a token.
"""

import re
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backstage_py.settings.sections import CorsSettings

Headers = list[tuple[bytes, bytes]]


class CorsMiddleware:
    """Adds CORS headers to answers and answers preflights."""

    def __init__(self, app: ASGIApp, settings: CorsSettings) -> None:
        self._app = app
        self._settings = settings
        self._patterns = [origin_pattern(origin) for origin in settings.origins or ()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = self._origin_headers(scope) if scope["type"] == "http" else None
        if not headers:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": self._preflight(scope, headers)})
            await send({"type": "http.response.body", "body": b""})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": merge_vary([*headers, *message.get("headers", ())])}
            await send(message)

        await self._app(scope, receive, with_headers)

    def _origin_headers(self, scope: Scope) -> Headers | None:
        if self._settings.origins is None:
            headers: Headers = [(b"access-control-allow-origin", b"*")]
        else:
            origin = _header(scope, b"origin")
            if origin is None or not any(one.fullmatch(origin.decode("latin-1")) for one in self._patterns):
                return None
            headers = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if self._settings.credentials:
            headers.append((b"access-control-allow-credentials", b"true"))
        if self._settings.exposed_headers:
            headers.append((b"access-control-expose-headers", ",".join(self._settings.exposed_headers).encode()))
        return headers

    def _preflight(self, scope: Scope, headers: Headers) -> Headers:
        answer = [*headers, (b"access-control-allow-methods", ",".join(self._settings.methods).encode())]
        if self._settings.allowed_headers is not None:
            answer.append((b"access-control-allow-headers", ",".join(self._settings.allowed_headers).encode()))
        else:
            answer.append((b"vary", b"Access-Control-Request-Headers"))
            if asked := _header(scope, b"access-control-request-headers"):
                answer.append((b"access-control-allow-headers", asked))
        if self._settings.max_age is not None:
            answer.append((b"access-control-max-age", str(self._settings.max_age).encode()))
        return merge_vary([*answer, (b"content-length", b"0")])


@cache
def origin_pattern(pattern: str) -> re.Pattern[str]:
    """Return the pattern of an entry of ``backend.cors.origin``; ``*`` and ``?`` stop at a slash, case is ignored."""
    parts = {"*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(parts.get(one, re.escape(one)) for one in pattern), re.IGNORECASE)


def merge_vary(headers: Headers) -> Headers:
    """Return the headers with one ``vary`` for all."""
    names = list(dict.fromkeys(value for name, value in headers if name == b"vary"))
    rest = [(name, value) for name, value in headers if name != b"vary"]
    return [*rest, (b"vary", b", ".join(names))] if names else rest


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)
