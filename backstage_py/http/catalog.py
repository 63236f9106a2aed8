"""The catalog's face: ``/api/catalog``, paths relative to it. Entities are here, locations in ``catalog_locations``."""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from backstage_py import bundled
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.queries import cursors, pages
from backstage_py.catalog.queries.pages import EntityQuery, QueryAnswer
from backstage_py.errors import InputError, NotFoundError
from backstage_py.http import catalog_actions, catalog_locations, compression
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials, credentials_of
from backstage_py.http.openapi import OpenApiValidator
from backstage_py.http.query_params import bounded
from backstage_py.http.respond import json_response, json_text_response, no_content, raw_json
from backstage_py.model import entity_filter, filter_shape, json
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.face.action_policy import ActionPolicy
from backstage_py.storage.catalog.pages import Order

PREFIX = "/api/catalog"
_ENTITY = "/entities/by-name/{kind}/{namespace}/{name}"
_UID = "/entities/by-uid/{uid}"
_NO_REFS = (
    "Malformed request body (did you remember to specify an application/json content type?), "
    'Validation error: Required at "entityRefs"'
)

Query = Mapping[str, Json]
Projection = Callable[[bytes], JsonObject]


def document() -> JsonObject:
    """Return the OpenAPI document of this face."""
    found: JsonObject = bundled.schema("openapi/catalog")
    return found


def routes(catalog: AuthorizedCatalog, policy: ActionPolicy | None = None) -> Sequence[BaseRoute]:
    """Return the routes; ``policy`` is for its actions. The caller is authenticated before they are reached."""
    validator = OpenApiValidator(document(), prefix=PREFIX)
    face = _Handlers(catalog, validator)
    return [  # most wanted first
        _route("GET", _ENTITY, face.by_name),
        _route("POST", "/entities/by-refs", face.by_refs),
        _route("GET", "/entities/by-query", face.by_query),
        _route("POST", "/entities/by-query", face.by_predicate),
        _route("GET", "/entities", face.entities),
        _route("GET", _UID, face.by_uid),
        _route("DELETE", _UID, face.delete),
        _route("POST", "/refresh", face.refresh),
        _route("GET", f"{_ENTITY}/ancestry", face.ancestry),
        _route("GET", "/entity-facets", face.facets),
        _route("POST", "/entity-facets", face.facets_by_predicate),
        _route("GET", "/providers", face.providers),
        *catalog_locations.routes(catalog, validator),
        *catalog_actions.routes(catalog, policy),
    ]


def _route(method: str, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, endpoint, methods=[method])


class _Handlers:
    def __init__(self, catalog: AuthorizedCatalog, validator: OpenApiValidator) -> None:
        self._catalog = catalog
        self._reader = catalog.reader
        self._validator = validator

    async def refresh(self, request: Request) -> Response:
        body = await self._body("/refresh", request)
        who = await credentials_of(request, body.get("authorizationToken"))
        await self._catalog.refresh(body["entityRef"], who)
        return no_content(200)

    async def providers(self, request: Request) -> Response:
        return json_response({"items": await self._catalog.providers(credentials(request))})

    async def entities(self, request: Request) -> Response:
        query = self._check("/entities", request)
        predicate = entity_filter.predicate_of_params(query.get("filter"))
        project = pages.projection(_fields(query))
        orders = [_order(text) for text in query.get("order", ())]
        visible = await self._catalog.visible(credentials(request))
        filter_ = entity_filter.all_of(visible, pages.compile_predicate(predicate))
        if {"limit", "offset", "after"}.isdisjoint(query):
            first = Order(orders[0].key.lower(), orders[0].descending) if orders else None
            if not project and not first and compression.preferred(_accepted(request)) == b"gzip":
                packed = await self._reader.all_packed(filter_)
                return raw_json(packed, headers={"content-encoding": "gzip", "vary": "Accept-Encoding"})
            return _list(await self._reader.all(filter_, first), project)
        limit, offset = _window(query)
        texts = await self._reader.sorted_page(
            filter_,
            orders,
            limit=None if limit is None else limit + 1,
            offset=offset,
        )
        if limit is None or len(texts) <= limit:
            return _list(texts, project)
        return _list(texts[:limit], project, {"link": _next_link(request, limit, offset + limit)})

    async def by_query(self, request: Request) -> Response:
        query = self._check("/entities/by-query", request)
        project = pages.projection(_fields(query))
        if cursor := query.get("cursor"):
            return _page(await self._next(cursor, query.get("limit"), request), project)
        asked = EntityQuery(
            predicate=entity_filter.predicate_of_params(query.get("filter")),
            order_fields=tuple(_order_field(text) for text in query.get("orderField", ())),
            full_text=_full_text(query.get("fullTextFilterTerm"), query.get("fullTextFilterFields")),
            limit=query.get("limit", pages.DEFAULT_LIMIT),
            offset=query.get("offset", 0),
            with_total=_with_total(query.get("totalItems"), "parameter"),
            visible=await self._catalog.visible(credentials(request)),
        )
        return _page(await pages.first_page(self._reader, asked), project)

    async def by_predicate(self, request: Request) -> Response:
        body = await self._body("/entities/by-query", request)
        predicate = filter_shape.check(body["query"]) if "query" in body and "cursor" not in body else None
        project = pages.projection(body.get("fields") or ())
        limit = _count(body, "limit")
        if (cursor := body.get("cursor")) is not None:
            if not cursor:
                raise InputError("Cursor cannot be empty")
            return _page(await self._next(cursor, limit, request), project)
        text = body.get("fullTextFilter")
        asked = EntityQuery(
            predicate=predicate,
            order_fields=tuple((one["field"], one["order"]) for one in body.get("orderBy") or ()),
            full_text=_full_text(text.get("term"), text.get("fields")) if text else None,
            limit=pages.DEFAULT_LIMIT if limit is None else limit,
            offset=_count(body, "offset") or 0,
            with_total=_with_total(body.get("totalItems"), "value"),
            visible=await self._catalog.visible(credentials(request)),
        )
        return _page(await pages.first_page(self._reader, asked), project)

    async def _next(self, cursor: str, limit: int | None, request: Request) -> QueryAnswer:
        decoded = cursors.decode(cursor)
        visible = await self._catalog.visible(credentials(request))
        return await pages.page_at(self._reader, decoded, limit, visible=visible)

    async def by_refs(self, request: Request) -> Response:
        body = await json_body(request)
        query = self._check("/entities/by-refs", request, body)
        if "entityRefs" not in body:
            raise InputError(_NO_REFS)
        by_body = filter_shape.check_member(body["query"], "query") if "query" in body else None
        by_params = entity_filter.predicate_of_params(query.get("filter"))
        project = pages.projection([*(body.get("fields") or ()), *_fields(query)])
        if not body["entityRefs"]:
            return raw_json(b'{"items":[]}')
        found = await self._catalog.by_refs(
            body["entityRefs"],
            credentials(request),
            entity_filter.all_of(pages.compile_predicate(by_params), pages.compile_predicate(by_body)),
        )
        shown = [b"null" if text is None else _shown(text, project) for text in found]
        return raw_json(b'{"items":[%b]}' % b",".join(shown))

    async def by_uid(self, request: Request) -> Response:
        uid = request.path_params["uid"]
        return _one(await self._catalog.by_uid(uid, credentials(request)), f"No entity with uid {uid}")

    async def delete(self, request: Request) -> Response:
        await self._catalog.remove_entity(request.path_params["uid"], credentials(request))
        return no_content()

    async def by_name(self, request: Request) -> Response:
        kind, namespace, name = _names(request)
        found = await self._catalog.by_refs([f"{kind}:{namespace}/{name}"], credentials(request))
        return _one(found[0], f"No entity named '{name}' found, with kind '{kind}' in namespace '{namespace}'")

    async def ancestry(self, request: Request) -> Response:
        kind, namespace, name = _names(request)
        ref = f"{kind}:{namespace}/{name}".lower()
        found = await self._catalog.ancestry(ref, credentials(request))
        if not found:
            raise NotFoundError(f"No such entity {ref}")
        items = [b'{"entity":%b,"parentEntityRefs":%b}' % (text, json.dumps(parents)) for _, text, parents in found]
        return json_text_response(b'{"rootEntityRef":%b,"items":[%b]}' % (json.dumps(ref), b",".join(items)))

    async def facets(self, request: Request) -> Response:
        query = self._check("/entity-facets", request)
        names = [name for name in query["facet"] if name]
        if not names:
            raise InputError("Missing facet parameter")
        return await self._facets(names, entity_filter.predicate_of_params(query.get("filter")), request)

    async def facets_by_predicate(self, request: Request) -> Response:
        body = await self._body("/entity-facets", request)
        names = [name for name in body["facets"] if name]
        if not names:
            raise InputError("Missing or empty facets parameter")
        return await self._facets(names, filter_shape.check(body["query"]) if "query" in body else None, request)

    async def _facets(self, names: Sequence[str], predicate: Json, request: Request) -> Response:
        keys = list(dict.fromkeys(name.lower() for name in names))
        visible = await self._catalog.visible(credentials(request))
        found = await self._reader.facets(keys, entity_filter.all_of(visible, pages.compile_predicate(predicate)))
        shown = {name: [{"value": value, "count": count} for value, count in found[name.lower()]] for name in names}
        return json_response({"facets": shown})

    async def _body(self, path: str, request: Request) -> JsonObject:
        body = await json_body(request)
        self._check(path, request, body)
        checked: JsonObject = body
        return checked

    def _check(self, path: str, request: Request, body: Json = None) -> Query:
        return self._validator.check_request(path, request.method, request, body)


def _accepted(request: Request) -> bytes:
    return request.headers.get("accept-encoding", "").encode() if request.method == "GET" else b""


def _names(request: Request) -> tuple[str, str, str]:
    path = request.path_params
    return path["kind"], path["namespace"], path["name"]


def _one(text: bytes | None, missing: str) -> Response:
    if text is None:
        raise NotFoundError(missing)
    return raw_json(text)


def _list(texts: Sequence[bytes], project: Projection | None, headers: Mapping[str, str] | None = None) -> Response:
    return raw_json(b"[%b]" % b",".join(_shown(text, project) for text in texts), headers=headers)


def _page(answer: QueryAnswer, project: Projection | None) -> Response:
    cursors_ = {"nextCursor": answer.next_cursor, "prevCursor": answer.previous_cursor}
    info = {"totalItems": answer.total, "pageInfo": {name: text for name, text in cursors_.items() if text}}
    shown = b",".join(_shown(text, project) for text in answer.texts)
    return raw_json(b'{"items":[%b],%b' % (shown, json.dumps(info)[1:]))


def _shown(text: bytes, project: Projection | None) -> bytes:
    return json.dumps(project(text)) if project else text


def _fields(query: Query) -> list[str]:
    return [part for text in query.get("fields", ()) for part in text.split(",")]


def _order(text: str) -> Order:
    direction, colon, field = text.partition(":")
    if direction not in {"asc", "desc"} or not colon or not field:
        raise InputError(f'Invalid order parameter "{text}", expected "<asc or desc>:<field name>"')
    return Order(field, descending=direction == "desc")


def _order_field(text: str) -> tuple[str, str]:
    field, *rest = text.split(",")
    order = rest[0] if rest else "asc"
    if order not in {"asc", "desc"}:
        raise InputError("Invalid order field order, must be asc or desc")
    return field, order


def _full_text(term: str | None, fields: list[str] | None) -> JsonObject | None:
    asked: JsonObject = {"term": term or ""}
    return asked if fields is None else {**asked, "fields": fields}


def _with_total(mode: str | None, word: str) -> bool:
    if mode not in {None, "include", "exclude"}:
        raise InputError(f'Invalid totalItems {word} "{mode}", expected one of: include, exclude')
    return mode != "exclude"


def _count(body: JsonObject, name: str) -> int | None:
    """Return a number of a body. One below zero, which is an internal error in Backstage, is refused as in a query."""
    number = body.get(name)
    if number is not None and number < 0:
        raise InputError(f"request/body/{name} must be >= 0")
    return None if number is None else bounded(number)


def _window(query: Query) -> tuple[int | None, int]:
    limit, offset, after = query.get("limit"), query.get("offset", 0), query.get("after")
    if offset < 0:
        raise InputError("Invalid offset, must be zero or greater")
    if limit is not None and limit <= 0:
        raise InputError("Invalid limit, must be greater than zero")
    if after is None:
        return limit, offset
    try:
        cursor = json.parse(base64.b64decode(after))
        given = cursor.get("limit", limit), cursor.get("offset", offset)
    except (ValueError, AttributeError):
        raise InputError("Malformed after cursor, could not be parsed") from None
    if given[0] is not None and not isinstance(given[0], int):
        raise InputError("Malformed after cursor, limit was not an number")
    if not isinstance(given[1], int):
        raise InputError("Malformed after cursor, offset was not a number")
    if given[1] < 0 or (given[0] is not None and given[0] <= 0):
        raise InputError("Malformed after cursor, limit or offset was negative")
    return None if given[0] is None else bounded(given[0]), bounded(given[1])


def _next_link(request: Request, limit: int, offset: int) -> str:
    after = base64.b64encode(json.dumps({"limit": limit, "offset": offset})).decode()
    kept = [
        (name, value)
        for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if name not in {"offset", "after"}
    ]
    return f'</entities?{urlencode([*kept, ("after", after)])}>; rel="next"'
