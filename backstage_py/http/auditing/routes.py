"""A route that tells the audit log of its calls."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backstage_py.audit import Actor, Event, is_written
from backstage_py.errors import BackstageError, NotAllowedError, as_name
from backstage_py.http.auditing import events
from backstage_py.http.auditing.events import Asked, Audited
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials
from backstage_py.http.peer import Peers
from backstage_py.identity.principals import ServicePrincipal, UserPrincipal
from backstage_py.model import json
from backstage_py.model.json import JsonObject

_CLIENT_ERROR = 400
_REFUSED = "AggregateError"
Endpoint = Callable[[Request], Awaitable[Any]]


def audited(plugin: str, route: BaseRoute, peers: Peers) -> BaseRoute:
    """Return the route; what has no event of its own tells of callers who are not allowed to call it."""
    if not isinstance(route, Route) or not inspect.iscoroutinefunction(route.endpoint):
        return route
    asked = next(
        (one for (method, path), one in events.EVENTS.get(plugin, {}).items() if _is(route, method, path)), None
    )
    teller = _Teller(plugin, peers)
    endpoint = _telling(route.endpoint, asked, teller) if asked else _telling_of_denials(route.endpoint, teller)
    return Route(route.path, endpoint, methods=list(route.methods or ()))


def _is(route: Route, method: str, path: str) -> bool:
    return route.path == path and method in (route.methods or ())


@dataclass(frozen=True, slots=True)
class _Teller:
    plugin: str
    peers: Peers

    def event(self, request: Request, id_: str, severity: str, meta: JsonObject) -> Event:
        """Return the event of a request."""
        url = (request.scope.get("raw_path") or request.scope["path"].encode()).decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        shown = {"url": f"{url}?{query}" if query else url, "method": request.method}
        return Event(self.plugin, id_, self._actor(request), severity, shown, meta)

    def _actor(self, request: Request) -> Actor:
        match credentials(request).principal:
            case UserPrincipal() as user:
                name: str | None = user.entity_ref
            case ServicePrincipal() as service:
                name = service.subject
            case _:
                name = None
        scope = request.scope
        agent = request.headers.get("user-agent")
        return Actor(name, self.peers.address(scope) or None, self.peers.hostname(scope), agent)


def _telling(endpoint: Endpoint, asked: Audited, teller: _Teller) -> Endpoint:
    async def tell(request: Request) -> Any:
        severity = "low" if asked.severity != "low" and asked.is_low(Asked(request)) else asked.severity
        if not is_written(severity):
            return await endpoint(request)
        found = Asked(request, await json_body(request) if asked.wants_body else None)
        try:
            meta = asked.meta(found)
        except (KeyError, TypeError):  # a body that the handler refuses; as in Backstage, no event is about it
            return await endpoint(request)
        event = teller.event(request, asked.id, severity, meta).initiated()
        try:
            response = await endpoint(request)
        except Exception as error:
            _failed(event, error)
            raise
        if asked.is_until_closed:
            return _Closing(response, event)
        _ended(event, asked, found, response)
        return response

    return tell


def _telling_of_denials(endpoint: Endpoint, teller: _Teller) -> Endpoint:
    async def tell(request: Request) -> Any:
        try:
            return await endpoint(request)
        except NotAllowedError as error:
            if is_written("medium"):
                _failed(teller.event(request, events.DENIED, "medium", {}), error)
            raise

    return tell


def _ended(event: Event, asked: Audited, found: Asked, response: Response) -> None:
    if response.status_code >= _CLIENT_ERROR:
        event.failed(_REFUSED, asked.refusal)
        return
    answer = json.parse(bytes(response.body)) if asked.outcome and response.body else None
    event.succeeded(asked.outcome(found, answer) if asked.outcome else None)


def _failed(event: Event, error: Exception) -> None:
    if isinstance(error, BackstageError):
        event.failed(as_name(error), error.message)
    else:
        event.failed("Error", type(error).__name__)  # what it says is no message of ours


@dataclass(frozen=True, slots=True)
class _Closing:
    """An answer whose event ends when it was sent."""

    response: ASGIApp
    event: Event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self.response(scope, receive, send)
        except Exception as error:
            _failed(self.event, error)
            raise
        self.event.succeeded()
