"""The faces as one ASGI application, with the layers of Backstage's root router around them."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from backstage_py.http import errors
from backstage_py.http.compression import CompressionMiddleware
from backstage_py.http.cors import CorsMiddleware
from backstage_py.http.headers import EdgeMiddleware, security_headers
from backstage_py.http.rate_limit import RateLimitMiddleware, RateLimits
from backstage_py.http.streams import OpenStreams, StreamsMiddleware
from backstage_py.settings.sections import BackendSettings


def create(
    routes: Sequence[BaseRoute], backend: BackendSettings, streams: OpenStreams, limits: RateLimits | None = None
) -> Starlette:
    """Return the application of some routes."""
    cors = [Middleware(CorsMiddleware, settings=backend.cors)] if backend.cors else []
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(EdgeMiddleware, fixed=security_headers(backend.csp), plugins=_plugins(routes)),
            *cors,
            Middleware(CompressionMiddleware),
            *([Middleware(RateLimitMiddleware, limits=limits)] if limits else []),
            Middleware(StreamsMiddleware, streams=streams),
            Middleware(errors.ErrorsMiddleware),
        ],
        exception_handlers=errors.HANDLERS,
    )
    app.router.redirect_slashes = False
    return app


def _plugins(routes: Sequence[BaseRoute]) -> frozenset[str]:
    """Return the ids of the plugins that are mounted."""
    return frozenset(route.path.removeprefix("/api/") for route in routes if isinstance(route, Mount))
