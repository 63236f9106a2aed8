"""The built page of ``page/``, made of ``page_src/`` by ``./dev page``: one document, one script, one style sheet."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).with_name("page")
CSP: Mapping[str, tuple[str, ...] | None] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "script-src-attr": ("'none'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
    "frame-ancestors": ("'none'",),
    "object-src": ("'none'",),
    "upgrade-insecure-requests": None,
}
"""Nothing but what this server serves, no script from a text, no frame around it."""

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page/licences.txt": ("licences.txt", "text/plain; charset=utf-8"),
}


def routes() -> Sequence[BaseRoute]:
    """Return the routes of the page's files."""
    return [Route(path, _answering(*file)) for path, file in _FILES.items()]


def paths() -> frozenset[str]:
    """Return the paths that these routes answer."""
    return frozenset(_FILES)


def _answering(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = (FOLDER / name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return answer
