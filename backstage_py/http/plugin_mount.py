"""A plugin below ``/api/<id>``: authentication, a body limit, and the routes that Backstage adds to each plugin.

An unknown path below a plugin is 401 without credentials, as in Backstage: authentication comes before routing.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from backstage_py import logging
from backstage_py.errors import AuthenticationError, NotAllowedError, NotImplementedInBackendError
from backstage_py.http import connections, options, paths
from backstage_py.http.auditing import routes as auditing
from backstage_py.http.body import BODY_LIMIT, DEFAULT_LIMIT, json_body
from backstage_py.http.credentials import AUTHENTICATE, CREDENTIALS, credentials
from backstage_py.http.peer import Peers
from backstage_py.http.respond import json_response
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.principals import NonePrincipal, UserPrincipal
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.settings.sections import ServerSettings

JWKS_PATH = "/.backstage/auth/v1/jwks.json"
PERMISSIONS_PATH = "/.well-known/backstage/permissions"
_ANYTHING = re.compile("")


@dataclass(frozen=True, slots=True)
class Plugin:
    """What is mounted.

    Attributes:
        id: as in the path and in tokens for it.
        routes: relative to the plugin.
        body_limit: bytes of a request body.
        open_paths: pattern of paths that need no token, matched from the start.
        permissions: what ``/.well-known/backstage/permissions/metadata`` answers, None for a plugin without it.
        openapi: the document of ``/openapi.json``, None for a plugin without it.
        public_keys: returns the JSON Web Keys with which the plugin signs.
        apply_conditions: answers a permission backend that hands back conditions of this plugin's rules.
    """

    id: str
    routes: Sequence[BaseRoute]
    public_keys: Callable[[], list[JsonObject]]
    body_limit: int = DEFAULT_LIMIT
    open_paths: re.Pattern[str] | None = None
    permissions: Json = None
    openapi: Json = None
    apply_conditions: Callable[[Json], Awaitable[Json]] | None = None


def plugin_mount(plugin: Plugin, authenticator: Authenticator, peers: Peers | None = None) -> Mount:
    """Return the mount of a plugin; ``peers`` knows which proxies are trusted, none without it."""
    peers = peers or Peers(ServerSettings())
    own = (auditing.audited(plugin.id, route, peers) for route in plugin.routes)
    routes = map(paths.decoding, (*_framework_routes(plugin), *own))
    router = Router(list(routes), redirect_slashes=False)
    return Mount(f"/api/{plugin.id}", app=_Authenticated(router, plugin, authenticator))


def every_path() -> re.Pattern[str]:
    """Return the pattern for a plugin whose every path needs no token."""
    return _ANYTHING


class _Authenticated:
    def __init__(self, router: Router, plugin: Plugin, authenticator: Authenticator) -> None:
        self._router = router
        self._of_segment = _by_first_segment(router.routes)
        self._plugin = plugin
        self._authenticator = authenticator

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What is mounted, as ``Mount.routes`` shows it."""
        return self._router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate the caller, then route."""
        path = scope["path"]
        if path.endswith("/") and len(path) > len(scope["root_path"]) + 1:
            scope["path"] = path.rstrip("/")  # Express takes both forms as one
        scope[BODY_LIMIT] = self._plugin.body_limit
        own = path.removeprefix(scope["root_path"])
        if not self._is_open(own):
            header = Headers(scope=scope).get("authorization")
            if header:
                logging.hide(_without(header.rpartition(" ")[2]))
            scope[AUTHENTICATE] = partial(self._authenticator.authenticate, plugin=self._plugin.id)
            found = scope[CREDENTIALS] = await scope[AUTHENTICATE](header)
            if not isinstance(found.principal, NonePrincipal):
                connections.authenticated(scope)
                structlog.contextvars.bind_contextvars(user=found.subject)
        answer = options.answer(self._router.routes, scope) if scope.get("method") == "OPTIONS" else None
        router = self._of_segment.get(own[1:].partition("/")[0], self._router)
        await (answer or router)(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path == JWKS_PATH or bool(self._plugin.open_paths and self._plugin.open_paths.match(path))


def _by_first_segment(routes: Sequence[BaseRoute]) -> dict[str, Router]:
    """Return routers by the first segment of a path, each with the routes that may match such a one, in their order.

    To try all patterns of a plugin one after the other takes longer than to find an entity.
    """
    segments = [_first_segment(route) for route in routes]
    return {
        name: Router(
            [one for one, own in zip(routes, segments, strict=True) if own in {name, None}], redirect_slashes=False
        )
        for name in segments
        if name is not None
    }


def _first_segment(route: BaseRoute) -> str | None:
    """Return the first segment of all paths that a route can match; None when it is not always the same."""
    if not isinstance(route, Route):
        return None
    found = route.path[1:].partition("/")[0]
    return None if "{" in found else found


@lru_cache(maxsize=1_024)
def _without(token: str) -> logging.Mask:
    return Redactor([token]).text


def _framework_routes(plugin: Plugin) -> list[Route]:
    async def keys(_request: Request) -> Response:
        return json_response({"keys": plugin.public_keys()})

    routes = [Route(JWKS_PATH, keys)]
    if plugin.permissions is not None:
        routes += [
            Route(f"{PERMISSIONS_PATH}/metadata", _constant(plugin.permissions)),
            Route(f"{PERMISSIONS_PATH}/apply-conditions", _apply_conditions(plugin), methods=["POST"]),
        ]
    if plugin.openapi is not None:
        routes.append(Route("/openapi.json", _constant(plugin.openapi)))
    return routes


def _constant(value: Json) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return json_response(value)

    return answer


def _apply_conditions(plugin: Plugin) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        _refuse_users(request)
        if plugin.apply_conditions is None:
            raise NotImplementedInBackendError(
                f"The plugin '{plugin.id}' of this service decides nothing by conditions; return ALLOW or DENY for it"
            )
        return json_response(await plugin.apply_conditions(await json_body(request)))

    return answer


def _refuse_users(request: Request) -> None:
    """Refuse users, and nobody: a plugin asks, be it in a user's name. The empty message is Backstage's."""
    match credentials(request).principal:
        case UserPrincipal(actor=None):
            raise NotAllowedError("")
        case NonePrincipal():
            raise AuthenticationError("Missing credentials")
