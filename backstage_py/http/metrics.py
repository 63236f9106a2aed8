"""``GET /metrics``, for Prometheus: at a port of its own without a token, or among the rest for services alone."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.errors import AuthenticationError
from backstage_py.http import errors
from backstage_py.http.credentials import CREDENTIALS, refuse_all_but_services
from backstage_py.identity.authenticator import Authenticator
from backstage_py.metrics.exposition import CONTENT_TYPE

PATH = "/metrics"
_PLUGIN = "metrics"
"""Whom a token has to be for, where its access is restricted to plugins."""

Text = Callable[[], Awaitable[bytes]]
"""Returns what a scrape gets."""


def route(text: Text, authenticator: Authenticator | None) -> Route:
    """Return the route; with an authenticator, only a service may read."""

    async def answer(request: Request) -> Response:
        if authenticator:
            header = request.headers.get("authorization")
            if not header:
                raise AuthenticationError("Missing credentials")
            request.scope[CREDENTIALS] = await authenticator.authenticate(header, plugin=_PLUGIN)
            refuse_all_but_services(request)
        return Response(await text(), media_type=CONTENT_TYPE)

    return Route(PATH, answer)


def application(text: Text) -> Starlette:
    """Return what answers at a port of its own."""
    return Starlette(routes=[route(text, None)], exception_handlers=errors.HANDLERS)
