"""The events of each plugin, by method and path of its routes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; ``body`` is None unless the event wants it."""

    request: Request
    body: Json = None

    @property
    def path(self) -> Mapping[str, Any]:
        """The parameters of the path."""
        return self.request.path_params

    def is_dry_run(self) -> bool:
        """Whether the query asks for a dry run."""
        return self.request.query_params.get("dryRun", "").strip().lower() in {"true", "yes", "y", "1", "on"}


Meta = Callable[[Asked], JsonObject]
Outcome = Callable[[Asked, Json], JsonObject]


def _none(_asked: Asked) -> JsonObject:
    return {}


@dataclass(frozen=True, slots=True)
class Audited:
    """What is told of a call.

    Attributes:
        meta: details that are known when it begins.
        outcome: what is added when it ended well, of the body that is answered.
        wants_body: ``meta`` reads the body of the request.
        refusal: the message where the answer lists what is wrong with a form.
        is_until_closed: it ends when the answer was sent, not when it begins.
        is_low: says that a call is of low severity after all.
    """

    id: str
    severity: str = "low"
    meta: Meta = _none
    outcome: Outcome | None = None
    wants_body: bool = False
    refusal: str = "The request was refused"
    is_until_closed: bool = False
    is_low: Callable[[Asked], bool] = field(default=lambda _asked: False)


def _task(action: str, severity: str = "low", **more: Any) -> Audited:
    def meta(asked: Asked) -> JsonObject:
        task_id = asked.path.get("task_id")
        return {"actionType": action} | ({"taskId": task_id} if task_id else {})

    return Audited("task", severity, **{"meta": meta, **more})


def _created(asked: Asked) -> JsonObject:
    return {"actionType": "create", "templateRef": asked.body["templateRef"]}


def _form(asked: Asked) -> JsonObject:
    return {"templateRef": f"{asked.path['kind']}:{asked.path['namespace']}/{asked.path['name']}"}


def _dry_run(asked: Asked, _answer: Json) -> JsonObject:
    template = asked.body["template"]
    namespace = template["metadata"].get("namespace") or "default"
    ref = f"{template['kind']}:{namespace}/{template['metadata']['name']}"
    return {"templateRef": ref, "parameters": template["spec"].get("parameters")}


SCAFFOLDER: Mapping[tuple[str, str], Audited] = {
    ("GET", "/v2/templates/{namespace}/{kind}/{name}/parameter-schema"): Audited(
        "template-parameter-schema",
        meta=_form,
        outcome=lambda asked, _answer: {"templateRef": f"Template:{asked.path['namespace']}/{asked.path['name']}"},
    ),
    ("GET", "/v2/actions"): Audited("action-fetch"),
    ("POST", "/v2/tasks"): _task(
        "create",
        "medium",
        meta=_created,
        wants_body=True,
        outcome=lambda _asked, answer: {"taskId": answer["id"]},
        refusal="Could not create entity",
    ),
    ("GET", "/v2/tasks"): _task("list"),
    ("GET", "/v2/tasks/{task_id}"): _task("get"),
    ("POST", "/v2/tasks/{task_id}/cancel"): _task("cancel", "medium"),
    ("POST", "/v2/tasks/{task_id}/retry"): _task("retry", "medium"),
    ("GET", "/v2/tasks/{task_id}/eventstream"): _task("stream", is_until_closed=True),
    ("GET", "/v2/tasks/{task_id}/events"): _task("events"),
    ("POST", "/v2/dry-run"): _task("dry-run", wants_body=True, outcome=_dry_run, refusal="Could not execute dry run"),
}


def _ref(asked: Asked) -> str:
    return str(EntityRef(asked.path["kind"], asked.path["namespace"], asked.path["name"]))


def _fetched(how: str) -> Meta:
    return lambda _asked: {"queryType": how}


def _page(_asked: Asked, answer: Json) -> JsonObject:
    return {"totalItems": answer["totalItems"], "pageInfo": answer["pageInfo"]}


def _ancestry(_asked: Asked, answer: Json) -> JsonObject:
    items = [
        {"entityRef": _ref_of(one["entity"]), "parentEntityRefs": one["parentEntityRefs"]} for one in answer["items"]
    ]
    return {"rootEntityRef": answer["rootEntityRef"], "ancestry": items}


def _ref_of(entity: JsonObject) -> str:
    metadata = entity["metadata"]
    return str(EntityRef(entity["kind"], metadata.get("namespace") or "default", metadata["name"]))


def _by_refs(asked: Asked, _answer: Json) -> JsonObject:
    return {name: asked.body[name] for name in ("entityRefs", "fields") if name in asked.body}


_LISTS = frozenset({"filter", "fields", "order"})


def _query(asked: Asked) -> JsonObject:
    given = asked.request.query_params
    found: JsonObject = {name: given.getlist(name) if name in _LISTS else value for name, value in given.items()}
    return {"queryType": "all", "query": found}


def _location(asked: Asked) -> JsonObject:
    return {"actionType": "create", "location": asked.body, "isDryRun": asked.is_dry_run()}


_ENTITY = "/entities/by-name/{kind}/{namespace}/{name}"
CATALOG: Mapping[tuple[str, str], Audited] = {
    ("POST", "/refresh"): Audited(
        "entity-mutate",
        "medium",
        lambda asked: {"queryType": "refresh", "entityRef": asked.body["entityRef"]},
        wants_body=True,
    ),
    ("GET", "/entities"): Audited("entity-fetch", meta=_query),
    ("GET", "/entities/by-query"): Audited("entity-fetch", meta=_fetched("by-query"), outcome=_page),
    ("POST", "/entities/by-query"): Audited("entity-fetch", meta=_fetched("by-query"), outcome=_page),
    ("GET", "/entities/by-uid/{uid}"): Audited(
        "entity-fetch",
        meta=lambda asked: {"queryType": "by-uid", "uid": asked.path["uid"]},
        outcome=lambda _asked, answer: {"entities": [_ref_of(answer)]},
    ),
    ("DELETE", "/entities/by-uid/{uid}"): Audited(
        "entity-mutate", "medium", lambda asked: {"actionType": "delete", "uid": asked.path["uid"]}
    ),
    ("GET", _ENTITY): Audited("entity-fetch", meta=lambda asked: {"queryType": "by-name", "entityRef": _ref(asked)}),
    ("GET", f"{_ENTITY}/ancestry"): Audited(
        "entity-fetch", meta=lambda asked: {"actionType": "ancestry", "entityRef": _ref(asked)}, outcome=_ancestry
    ),
    ("POST", "/entities/by-refs"): Audited("entity-fetch", meta=_fetched("by-refs"), outcome=_by_refs, wants_body=True),
    ("GET", "/entity-facets"): Audited("entity-facets"),
    ("POST", "/entity-facets"): Audited("entity-facets"),
    ("POST", "/locations"): Audited(
        "location-mutate",
        "medium",
        _location,
        outcome=lambda _asked, answer: {"location": answer["location"]},
        wants_body=True,
        is_low=Asked.is_dry_run,
    ),
    ("GET", "/locations"): Audited("location-fetch", meta=_fetched("all")),
    ("POST", "/locations/by-query"): Audited("location-fetch", meta=_fetched("by-query")),
    ("GET", "/locations/by-entity/{kind}/{namespace}/{name}"): Audited(
        "location-fetch",
        meta=lambda asked: {"queryType": "by-entity", "locationRef": _ref(asked)},
        outcome=lambda _asked, answer: {"output": answer},
    ),
    ("GET", "/locations/{id}"): Audited(
        "location-fetch",
        meta=lambda asked: {"queryType": "by-id", "id": asked.path["id"]},
        outcome=lambda _asked, answer: {"output": answer},
    ),
    ("PUT", "/locations/{id}"): Audited(
        "location-mutate",
        "medium",
        lambda asked: {"actionType": "update", "id": asked.path["id"], "location": asked.body},
        outcome=lambda _asked, answer: {"location": answer},
        wants_body=True,
    ),
    ("DELETE", "/locations/{id}"): Audited(
        "location-mutate", "medium", lambda asked: {"actionType": "delete", "id": asked.path["id"]}
    ),
    ("POST", "/analyze-location"): Audited("location-analyze", outcome=lambda _asked, answer: {"output": answer}),
    ("POST", "/validate-entity"): Audited("entity-validate", refusal="Could not validate entity"),
}

AUTH: Mapping[tuple[str, str], Audited] = {
    ("GET", "/{provider}/refresh"): Audited(
        "sign-in",  # (ours)
        "medium",
        lambda asked: {"provider": asked.path["provider"]},
        outcome=lambda _asked, answer: {"userEntityRef": answer["backstageIdentity"]["identity"]["userEntityRef"]},
    ),
}
"""Backstage has no event of a sign-in."""

EVENTS: Mapping[str, Mapping[tuple[str, str], Audited]] = {
    "scaffolder": SCAFFOLDER,
    "catalog": CATALOG,
    "auth": AUTH,
}
DENIED = "permission-denied"
"""(ours) A call without an event of its own that was not allowed."""
