"""Paths as Express routes them: as they were sent, and then each parameter is decoded by itself.

So ``%2F`` in a parameter is part of it and parts nothing, and no other spelling of a path leads anywhere.
"""

import copy

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py.errors import InputError
from backstage_py.js import uri


def as_sent(scope: Scope) -> None:
    """Let a request be routed by its path as it was sent; servers hand over one that is decoded as a whole."""
    if raw := scope.get("raw_path"):
        scope["path"] = raw.decode("latin-1")


def decoding(route: BaseRoute) -> BaseRoute:
    """Return a route whose parameters are decoded when it is called."""
    if not isinstance(route, Route):
        return route
    decoded = copy.copy(route)
    decoded.app = _decoding_app(route.app)
    return decoded


def _decoding_app(app: ASGIApp) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope["path_params"] = {name: uri.decode_component(text) for name, text in scope["path_params"].items()}
        except ValueError:
            raise InputError("malformed uri'") from None  # the text of express-openapi-validator, quote included
        await app(scope, receive, send)

    return run
