"""The catalog itself as actions for other programs; what they offer is Backstage's seven."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from starlette.routing import BaseRoute

from backstage_py import bundled, threads
from backstage_py.catalog.authorized import AuthorizedCatalog
from backstage_py.catalog.queries import cursors, model_description, pages
from backstage_py.catalog.queries.pages import EntityQuery
from backstage_py.errors import ConflictError, InputError, NotFoundError
from backstage_py.http import actions_registry
from backstage_py.http.actions_registry import Call, OfferedAction
from backstage_py.identity.principals import Credentials
from backstage_py.model import entity_ref, entity_schema, field_format, filter_shape, json, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.scaffolder.face.action_policy import ActionPolicy

_DEFAULT_LOCATION = "url:https://localhost/entity-validator"

Invoke = Callable[[JsonObject, Credentials], Awaitable[JsonObject]]


def routes(catalog: AuthorizedCatalog, policy: ActionPolicy | None = None) -> Sequence[BaseRoute]:
    """Return the routes below ``/api/catalog``."""
    actions = offered(catalog)
    return actions_registry.routes("catalog", lambda: actions, policy, catalog.authority)


def offered(catalog: AuthorizedCatalog) -> Sequence[OfferedAction]:
    """Return the seven actions; each is judged by the permissions of what it does."""
    handlers = _Handlers(catalog)
    by_name: dict[str, Invoke] = {
        "get-catalog-model-description": handlers.describe,
        "get-catalog-entity": handlers.get,
        "validate-entity": handlers.validate,
        "register-entity": handlers.register,
        "unregister-entity": handlers.unregister,
        "query-catalog-entities": handlers.query,
        "refresh-catalog-entity": handlers.refresh,
    }
    return [OfferedAction(entry, partial(_run, by_name[entry["name"]])) for entry in bundled.schema("catalog-actions")]


async def _run(invoke: Invoke, call: Call) -> Json:
    return await invoke(call.input, call.credentials)


class _Handlers:
    def __init__(self, catalog: AuthorizedCatalog) -> None:
        self._catalog = catalog

    async def describe(self, _given: JsonObject, _caller: Credentials) -> JsonObject:
        return {"description": model_description.text()}

    async def get(self, given: JsonObject, caller: Credentials) -> JsonObject:
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

    async def validate(self, given: JsonObject, caller: Credentials) -> JsonObject:
        try:
            entity = await threads.render_large(len(given["entity"]), yaml.load, given["entity"])
        except yaml.YamlError as error:
            problem = f"YAML parsing error: {error.problem.pretty or error.message}"
            return {"isValid": False, "isValidYaml": False, "errors": [problem]}
        if problem_with_envelope := entity_schema.envelope_problem(entity):
            return {"isValid": False, "isValidYaml": True, "errors": [problem_with_envelope.full_message()]}
        faults = await self._catalog.validate(entity, given.get("location") or _DEFAULT_LOCATION, caller)
        if faults:
            return {"isValid": False, "isValidYaml": True, "errors": [fault.message for fault in faults]}
        return {"isValid": True, "isValidYaml": True, "errors": [], "entity": entity}

    async def register(self, given: JsonObject, caller: Credentials) -> JsonObject:
        url = given["locationUrl"]
        if not field_format.is_url(url):
            raise InputError(f"{url} is an invalid URL")
        return {"locationId": (await self._catalog.register("url", url, caller)).location["id"]}

    async def unregister(self, given: JsonObject, caller: Credentials) -> JsonObject:
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

    async def query(self, given: JsonObject, caller: Credentials) -> JsonObject:
        project = pages.projection(given.get("fields") or ())
        visible = await self._catalog.visible(caller)
        if given.get("cursor"):
            cursor = cursors.decode(given["cursor"])
            answer = await pages.page_at(self._catalog.reader, cursor, given.get("limit"), visible=visible)
        else:
            orders = given.get("orderFields") or []
            listed = [orders] if isinstance(orders, dict) else orders
            asked = EntityQuery(
                predicate=filter_shape.check(given["query"]) if "query" in given else None,
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

    async def refresh(self, given: JsonObject, caller: Credentials) -> JsonObject:
        ref = entity_ref.of(await self._single(given, caller))
        await self._catalog.refresh(ref, caller)
        return {"entityRef": ref}
