"""The part of the catalog's face that is about locations: registering, querying, analysing, validating."""

import base64
import binascii
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.errors import InputError
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials
from backstage_py.http.openapi import OpenApiValidator
from backstage_py.http.query_params import bounded
from backstage_py.http.respond import json_response, no_content
from backstage_py.model import entity_schema, filter_shape, json
from backstage_py.model.json import Json, JsonObject

_YES = {"y", "yes", "true", "1"}
_DEFAULT_LIMIT = 1000
_KNOWN = {"type", "target", "presence"}


def routes(catalog: AuthorizedCatalog, validator: OpenApiValidator) -> Sequence[BaseRoute]:
    """Return the routes; requests are checked by the catalog's validator."""
    face = _Handlers(catalog, validator)
    return [
        Route("/locations", face.create, methods=["POST"]),
        Route("/locations", face.all, methods=["GET"]),
        Route("/locations/by-query", face.by_query, methods=["POST"]),
        Route("/locations/by-entity/{kind}/{namespace}/{name}", face.by_entity, methods=["GET"]),
        Route("/locations/{id}", face.get, methods=["GET"]),
        Route("/locations/{id}", face.update, methods=["PUT"]),
        Route("/locations/{id}", face.delete, methods=["DELETE"]),
        Route("/analyze-location", face.analyze, methods=["POST"]),
        Route("/validate-entity", face.validate, methods=["POST"]),
    ]


class _Handlers:
    def __init__(self, catalog: AuthorizedCatalog, validator: OpenApiValidator) -> None:
        self._catalog = catalog
        self._validator = validator

    async def create(self, request: Request) -> Response:
        body = await json_body(request)
        query = self._validator.check_request("/locations", "POST", request, body)
        _refuse_unknown(body, ())
        caller = credentials(request)
        if str(query.get("dryRun", "")).lower() in _YES:
            registered = await self._catalog.preview(body["type"], body["target"], caller)
        else:
            registered = await self._catalog.register(
                body["type"], body["target"], caller, on_conflict=query.get("onConflict")
            )
        return json_response(registered.as_json(), 201)

    async def all(self, request: Request) -> Response:
        self._validator.check_request("/locations", request.method, request)
        return json_response(
            [{"data": location.as_json()} for location in await self._catalog.locations(credentials(request))]
        )

    async def by_query(self, request: Request) -> Response:
        body = await json_body(request)
        self._validator.check_request("/locations/by-query", "POST", request, body)
        predicate, limit, after = _location_query(body)
        page = await self._catalog.query_locations(predicate, credentials(request), limit=limit + 1, after=after)
        items = page.items[:limit]
        info: JsonObject = {}
        if len(page.items) > limit:
            cursor = {"limit": limit, "afterId": items[-1].id, **({} if predicate is None else {"query": predicate})}
            info["nextCursor"] = base64.b64encode(json.dumps(cursor)).decode()
        shown = [location.as_json() for location in items]
        return json_response({"items": shown, "totalItems": page.total, "pageInfo": info})

    async def by_entity(self, request: Request) -> Response:
        path = request.path_params
        ref = f"{path['kind']}:{path['namespace']}/{path['name']}".lower()
        return json_response((await self._catalog.location_of(ref, credentials(request))).as_json())

    async def get(self, request: Request) -> Response:
        return json_response((await self._catalog.location(request.path_params["id"], credentials(request))).as_json())

    async def update(self, request: Request) -> Response:
        body = await json_body(request)
        self._validator.check_request("/locations/{id}", "PUT", request, body)
        _refuse_unknown(body, ())
        id_ = request.path_params["id"]
        location = await self._catalog.update_location(id_, body["type"], body["target"], credentials(request))
        return json_response(location.as_json())

    async def delete(self, request: Request) -> Response:
        await self._catalog.delete_location(request.path_params["id"], credentials(request))
        return no_content()

    async def analyze(self, request: Request) -> Response:
        body = await json_body(request)
        self._validator.check_request("/analyze-location", "POST", request, body)
        _refuse_unknown(body["location"], ("location",))
        return json_response(await self._catalog.analyze(body["location"]["target"], credentials(request)))

    async def validate(self, request: Request) -> Response:
        body = await json_body(request)
        self._validator.check_request("/validate-entity", "POST", request, body)
        if problem := _validation_problem(body):
            return json_response({"errors": [problem]}, 400)
        faults = await self._catalog.validate(body["entity"], body["location"], credentials(request))
        if faults:
            return json_response({"errors": [fault.as_json() for fault in faults]}, 400)
        return no_content(200)


def _validation_problem(body: JsonObject) -> JsonObject | None:
    """Return what is wrong before the entity is processed at all; it is listed as problems of the entity are."""
    if problem := entity_schema.envelope_problem(body.get("entity")):
        return {"name": "TypeError", "message": problem.full_message()}
    return None


def _refuse_unknown(body: JsonObject, path: Sequence[str]) -> None:
    """Refuse members that a location does not have, in the words of zod."""
    unknown = [name for name in body if name not in _KNOWN]
    if not unknown:
        return
    names = ", ".join(f"'{name}'" for name in unknown)
    issue = {
        "code": "unrecognized_keys",
        "keys": unknown,
        "path": list(path),
        "message": f"Unrecognized key(s) in object: {names}",
    }
    text = orjson.dumps([issue], option=orjson.OPT_INDENT_2).decode()
    raise InputError(f"Malformed request: {text}")


def _location_query(body: JsonObject) -> tuple[JsonObject | None, int, str | None]:
    if "cursor" in body:
        return _from_cursor(body["cursor"])
    limit = body.get("limit", _DEFAULT_LIMIT)
    if limit < 1 or limit % 1:
        raise InputError("Limit must be a positive integer >= 1")
    return filter_shape.check(body["query"]) if "query" in body else None, bounded(limit), None


def _from_cursor(text: str) -> tuple[JsonObject | None, int, str | None]:
    if not text:
        raise InputError("Cursor cannot be empty")
    try:
        cursor: Json = json.parse(base64.b64decode(text))
    except (ValueError, binascii.Error):
        raise InputError("Malformed cursor, unknown encoding") from None
    limit = cursor.get("limit") if isinstance(cursor, dict) else None
    after = cursor.get("afterId") if isinstance(cursor, dict) else None
    if not isinstance(limit, int) or limit < 1 or not isinstance(after, str | None):
        raise InputError('Malformed cursor: Validation error: Required at "limit"')
    return filter_shape.check(cursor["query"]) if "query" in cursor else None, bounded(limit), after
