"""The catalog's actions for other programs: ``/.backstage/actions/v1/…``, listed with their schemas and invoked."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from backstage_py import bundled
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.queries import cursors, model_description, pages
from backstage_py.catalog.queries.pages import EntityQuery
from backstage_py.errors import ConflictError, InputError, NotFoundError
from backstage_py.http.body import json_body
from backstage_py.http.credentials import credentials
from backstage_py.http.respond import json_response
from backstage_py.identity.principals import Credentials
from backstage_py.model import entity_ref, entity_schema, field_format, filter_shape, json, yaml
from backstage_py.model.json import JsonObject

_DEFAULT_LOCATION = "url:https://localhost/entity-validator"
_PATH = "/.backstage/actions/v1/actions"
_PATH_V2 = "/.backstage/actions/v2/actions"

Invoke = Callable[[JsonObject, Credentials], Awaitable[JsonObject]]


def routes(catalog: AuthorizedCatalog) -> Sequence[BaseRoute]:
    """Return the routes."""
    face = _Actions(catalog)
    return [
        Route(_PATH, face.list, methods=["GET"]),
        Route(_PATH + "/{id}/invoke", face.invoke, methods=["POST"]),
        Route(_PATH_V2 + "/{id}/invoke", face.invoke_v2, methods=["POST"]),
    ]


class _Actions:
    def __init__(self, catalog: AuthorizedCatalog) -> None:
        self._catalog = catalog
        self._invoke: dict[str, Invoke] = {
            "get-catalog-model-description": self._describe,
            "get-catalog-entity": self._get,
            "validate-entity": self._validate,
            "register-entity": self._register,
            "unregister-entity": self._unregister,
            "query-catalog-entities": self._query,
            "refresh-catalog-entity": self._refresh,
        }

    async def list(self, _request: Request) -> Response:
        return json_response({"actions": bundled.schema("catalog-actions")})

    async def invoke(self, request: Request) -> Response:
        return await self._run(request.path_params["id"], await json_body(request), credentials(request))

    async def invoke_v2(self, request: Request) -> Response:
        id_, body = request.path_params["id"], await json_body(request)
        if not isinstance(body, dict):
            raise InputError("The request body must be an object with 'input' and, if needed, 'secrets'")
        if body.get("secrets"):
            raise InputError(f'Action "{id_}" does not accept secrets')
        return await self._run(id_, body.get("input") or {}, credentials(request))

    async def _run(self, id_: str, given: JsonObject, caller: Credentials) -> Response:
        action = next((one for one in bundled.schema("catalog-actions") if one["id"] == id_), None)
        if action is None:
            raise NotFoundError(f'Action "{id_}" not found')
        _check(given, action["schema"]["input"], id_)
        return json_response({"output": await self._invoke[action["name"]](given, caller)})

    async def _describe(self, _given: JsonObject, _caller: Credentials) -> JsonObject:
        return {"description": model_description.text()}

    async def _get(self, given: JsonObject, caller: Credentials) -> JsonObject:
        return await self._single(given, caller)

    async def _single(self, given: JsonObject, caller: Credentials) -> JsonObject:
        """Return the one entity with a name, narrowed down by kind and namespace."""
        predicate = {"metadata.name": given["name"]}
        if given.get("kind"):
            predicate["kind"] = given["kind"]
        if given.get("namespace"):
            predicate["metadata.namespace"] = given["namespace"]
        visible = await self._catalog.visible(caller)
        found = await pages.first_page(self._catalog.reader, EntityQuery(predicate, visible=visible))
        items: list[JsonObject] = [json.parse(text) for text in found.texts]
        if not items:
            raise InputError(f'No entity found with name "{given["name"]}"')
        if len(items) > 1:
            listed = ", ".join(f'"{entity_ref.of(item)}"' for item in items)
            raise ConflictError(
                f'Multiple entities found with name "{given["name"]}", please provide more specific filters. '
                f"Entities found: {listed}"
            )
        return items[0]

    async def _validate(self, given: JsonObject, caller: Credentials) -> JsonObject:
        try:
            entity = yaml.load(given["entity"])
        except yaml.YamlError as error:
            problem = f"YAML parsing error: {error.problem.pretty or error.message}"
            return {"isValid": False, "isValidYaml": False, "errors": [problem]}
        if problem_with_envelope := entity_schema.envelope_problem(entity):
            return {"isValid": False, "isValidYaml": True, "errors": [problem_with_envelope.full_message()]}
        faults = await self._catalog.validate(entity, given.get("location") or _DEFAULT_LOCATION, caller)
        if faults:
            return {"isValid": False, "isValidYaml": True, "errors": [fault.message for fault in faults]}
        return {"isValid": True, "isValidYaml": True, "errors": [], "entity": entity}

    async def _register(self, given: JsonObject, caller: Credentials) -> JsonObject:
        url = given["locationUrl"]
        if not field_format.is_url(url):
            raise InputError(f"{url} is an invalid URL")
        return {"locationId": (await self._catalog.register("url", url, caller)).location["id"]}

    async def _unregister(self, given: JsonObject, caller: Credentials) -> JsonObject:
        which = given["type"]
        if "locationId" in which:
            await self._catalog.delete_location(which["locationId"], caller)
            return {}
        url = which["locationUrl"]
        found = [one for one in await self._catalog.locations(caller) if one.target.lower() == url.lower()]
        if not found:
            raise NotFoundError(f"Location with URL {url} not found")
        for location in found:
            await self._catalog.delete_location(location.id, caller)
        return {}

    async def _query(self, given: JsonObject, caller: Credentials) -> JsonObject:
        project = pages.projection(given.get("fields") or ())
        visible = await self._catalog.visible(caller)
        if given.get("cursor"):
            cursor = cursors.decode(given["cursor"])
            answer = await pages.page_at(self._catalog.reader, cursor, given.get("limit"), visible=visible)
        else:
            orders = given.get("orderFields") or []
            listed = [orders] if isinstance(orders, dict) else orders
            asked = EntityQuery(
                predicate=filter_shape.check_object(given["query"]) if "query" in given else None,
                order_fields=tuple((one["field"], one["order"]) for one in listed),
                full_text=given.get("fullTextFilter"),
                limit=given.get("limit", pages.DEFAULT_LIMIT),
                offset=given.get("offset", 0),
                visible=visible,
            )
            answer = await pages.first_page(self._catalog.reader, asked)
        output: JsonObject = {
            "items": [project(text) if project else json.parse(text) for text in answer.texts],
            "totalItems": answer.total,
            "hasMoreEntities": answer.next_cursor is not None,
        }
        return output if answer.next_cursor is None else {**output, "nextPageCursor": answer.next_cursor}

    async def _refresh(self, given: JsonObject, caller: Credentials) -> JsonObject:
        ref = entity_ref.of(await self._single(given, caller))
        await self._catalog.refresh(ref, caller)
        return {"entityRef": ref}


def _check(given: JsonObject, schema: JsonObject, id_: str) -> None:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import best_match

    if error := best_match(Draft7Validator(schema).iter_errors(given)):
        where = "/".join(map(str, error.absolute_path)) or "input"
        raise InputError(f'Invalid input to action "{id_}", {where}: {error.message}')
