"""``/api/events``: what other systems tell, as Backstage's events backend takes it at ``POST /http/<topic>``.

Who may post is not asked of our tokens: a delivery proves itself by its signature or secret, or its topic is open.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.catalog.sources.deliveries import Ingress
from backstage_py.errors import BackstageError, InputError
from backstage_py.http import body as bodies
from backstage_py.http.respond import json_response
from backstage_py.model.json import Json, JsonObject
from backstage_py.reporting.deliveries import told
from backstage_py.storage.catalog.events import EventStore

PLUGIN = "events"
BODY_LIMIT = 5 * 1024 * 1024
OPEN_PATHS = re.compile("/http/")
_CHARSETS = frozenset({"utf-8", "utf8", "latin1", "ascii", "utf16le", "utf-16le"})
_HIDDEN = frozenset({"authorization", "cookie", "x-gitlab-token", "x-ado-webhook-secret", "x-platform-webhook-secret"})
_log = structlog.get_logger(__name__)


class UnsupportedMediaTypeError(BackstageError):
    """The body is no JSON, or in a character set that is not read."""

    name = "UnsupportedMediaTypeError"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class PayloadTooLargeError(BackstageError):
    """The body is larger than is read."""

    name = "PayloadTooLargeError"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def routes(ingresses: Mapping[str, Ingress], events: EventStore) -> list[Route]:
    """Return a route for each address that is open."""
    for topic, ingress in ingresses.items():
        if not ingress.secrets:
            _log.warning("events_of_anybody_accepted", topic=topic, path=f"/api/events/http/{topic}")
    return [_route(one, events) for one in ingresses.values()]


def _route(ingress: Ingress, events: EventStore) -> Route:
    async def receive(request: Request) -> Response:
        media_type, charset = bodies.content_type(request)
        if media_type != "application/json":
            raise UnsupportedMediaTypeError(
                f"Unsupported media type: {media_type or 'unknown'}. Have events sent as application/json"
            )
        charset = charset or "utf-8"
        if charset not in _CHARSETS:
            raise UnsupportedMediaTypeError(f"Unsupported charset: {charset}")
        raw = await _raw(request)
        if refusal := ingress.refusal(request.headers, raw):
            _log.warning("event_refused", topic=ingress.topic, reason=refusal)
            return json_response({"message": refusal}, HTTPStatus.FORBIDDEN)
        payload = _object(raw, charset)
        headers: JsonObject = {name: value for name, value in request.headers.items() if name not in _HIDDEN}
        topic = ingress.subtopic(request.headers, payload)
        facts = told.events(topic, payload) if ingress.secrets else ()  # anybody may tell anything of an open topic
        await events.publish(topic, payload, headers, keys=ingress.keys(request.headers, raw), facts=facts)
        _log.info("event_received", topic=topic)
        return json_response({"status": "accepted"}, HTTPStatus.ACCEPTED)

    return Route(f"/http/{ingress.topic}", receive, methods=["POST"])


async def _raw(request: Request) -> bytes:
    try:
        return await bodies.raw(request)
    except bodies.TooLargeError as error:  # the scaffolder's and the catalog's own answer to it is 400
        raise PayloadTooLargeError(error.message) from error


def _object(raw: bytes, charset: str) -> JsonObject:
    try:
        text = raw if charset in {"utf-8", "utf8"} else raw.decode(charset).encode()
    except UnicodeError:
        raise InputError(f"The body is not in {charset}") from None
    value: Json = bodies.parse(text)
    if not isinstance(value, dict):
        raise InputError("An event is a JSON object")
    return value
