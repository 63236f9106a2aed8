"""The calls with which permissions are compared, and what of an answer must be the same.

The same list is sent to a real Backstage and to this service (``tests/anchor/test_permissions_of_backstage.py``), and
its answers there are kept in ``recorded.json``.
"""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import patience

HERE = Path(__file__).parent
SITE = HERE / "site"
RECORDED = HERE / "recorded.json"
FULL, RESTRICTED = "a-token-for-everything", "a-token-with-restrictions"
ACCESS = [
    {"type": "static", "options": {"token": FULL, "subject": "external:full"}},
    {
        "type": "static",
        "options": {"token": RESTRICTED, "subject": "external:restricted"},
        "accessRestrictions": [
            {"plugin": "catalog", "permission": ["catalog.entity.read", "catalog.location.create"]},
            {"plugin": "scaffolder", "permissionAttribute": {"action": "read"}},
        ],
    },
]
USERS = ("admin", "denied", "reader", "owner", "nested", "unknown", "wrong")


@dataclass(frozen=True)
class Call:
    """A request. ``keep`` names a part of the answer for later requests, which write ``<<name>>`` for it.

    Attributes:
        caller: a user's name, ``service``, ``restricted``, ``nobody``, or ``limited:<user>``.
        shown: makes of the answer's body what must be the same.
        until_ended: wait for the task of the answer.
    """

    caller: str
    method: str
    path: str
    body: Any = None
    keep: tuple[str, str] | None = None
    shown: Callable[[Any], Any] = lambda body: body
    until_ended: bool = False

    @property
    def title(self) -> str:
        text = "" if self.body is None else f" {json.dumps(self.body)}"
        return f"{self.caller} {self.method} {self.path}{text}"[:220]


def _names(body: Any) -> Any:
    if isinstance(body, dict) and "error" in body:
        return body
    items = body["items"] if isinstance(body, dict) else body
    shown: dict[str, Any] = {"items": [item and f"{item['kind']}:{item['metadata']['name']}" for item in items]}
    if isinstance(body, dict):
        shown |= {name: body[name] for name in ("totalItems", "pageInfo") if name in body}
    return shown


def _sorted_names(body: Any) -> Any:
    shown = _names(body)
    return {**shown, "items": sorted(shown["items"])} if "items" in shown else shown


def _title(body: Any) -> Any:
    return body if "error" in body else f"{body['kind']}:{body['metadata']['name']}"


def _ancestors(body: Any) -> Any:
    return body if "error" in body else sorted(one["entity"]["kind"] for one in body["items"])


def _tasks(body: Any) -> Any:
    if "error" in body:
        return body
    return {"total": body["totalTasks"], "tasks": sorted(str(one.get("createdBy")) for one in body["tasks"])}


def _task(body: Any) -> Any:
    if "error" in body or "errors" in body:
        return body
    spec = body["spec"]
    return {
        "by": body.get("createdBy"),
        "steps": [step["id"] for step in spec["steps"]],
        "user": spec["user"].get("ref"),
    }


def _end(body: Any) -> Any:
    return body if isinstance(body, dict) else [one["body"] for one in body if one["type"] == "completion"]


def _tried(body: Any) -> Any:
    return body if "error" in body else {"output": body["output"], "steps": [step["id"] for step in body["steps"]]}


def _ids(body: Any) -> Any:
    return body if "error" in body else sorted(one["id"] for one in body["actions"])


def _stream(body: Any) -> Any:
    return body if isinstance(body, dict) else "completion" in str(body)


def _presence(body: Any) -> Any:
    return body if isinstance(body, dict) and "error" in body else "something"


def _failure(body: Any) -> Any:
    return "refused" if isinstance(body, dict) and "error" in body else "done"


_KINDS = ",".join(f"kind={kind}" for kind in ("component", "api", "group", "user", "template"))
_NAMES_ONLY = "fields=kind,metadata.name"
_BY_NAME = "/api/catalog/entities/by-name"


def _reads(user: str) -> Iterator[Call]:
    catalog = "/api/catalog"
    if user not in {"unknown", "wrong"}:  # Backstage has begun its answer by then and breaks it off
        yield Call(user, "GET", f"{catalog}/entities?filter={_KINDS}&{_NAMES_ONLY}", shown=_sorted_names)
        asked = f"{catalog}/entities?filter=kind=component&order=asc:metadata.name&{_NAMES_ONLY}"
        yield Call(user, "GET", asked, shown=_names)
    page = f"{catalog}/entities?filter=kind=component&order=asc:metadata.name&limit=2&offset=1&{_NAMES_ONLY}"
    yield Call(user, "GET", page, shown=_names)
    query = f"{catalog}/entities/by-query"
    first = f"{query}?filter=kind=component&orderField=metadata.name,asc&limit=1&{_NAMES_ONLY}"
    yield Call(user, "GET", first, keep=("next", "pageInfo.nextCursor"), shown=_names)
    yield Call(user, "GET", f"{query}?cursor=<<next>>&limit=1&{_NAMES_ONLY}", shown=_names)
    yield Call(user, "GET", f"{query}?cursor=<<admins>>&limit=10&{_NAMES_ONLY}", shown=_names)
    yield Call(
        user,
        "GET",
        f"{query}?fullTextFilterTerm=gold&fullTextFilterFields=metadata.name&{_NAMES_ONLY}",
        shown=_sorted_names,
    )
    wanted = {
        "query": {"kind": {"$in": ["component", "api"]}},
        "orderBy": [{"field": "metadata.name", "order": "desc"}],
    }
    yield Call(user, "POST", query, {**wanted, "fields": ["kind", "metadata.name"]}, shown=_names)
    yield Call(user, "POST", query, {"cursor": "<<admins>>", "fields": ["kind", "metadata.name"]}, shown=_names)
    refs = ["component:default/a-gold", "component:default/b-plain", "group:default/team-a", "component:default/none"]
    yield Call(user, "POST", f"{catalog}/entities/by-refs", {"entityRefs": refs}, shown=_names)
    yield Call(user, "POST", f"{catalog}/entities/by-refs?filter=kind=component", {"entityRefs": refs}, shown=_names)
    yield Call(user, "GET", f"{catalog}/entity-facets?filter={_KINDS}&facet=kind&facet=spec.type")
    yield Call(user, "POST", f"{catalog}/entity-facets", {"facets": ["spec.lifecycle"], "query": {"kind": "component"}})
    for name in ("a-gold", "b-plain", "none"):
        yield Call(user, "GET", f"{_BY_NAME}/component/default/{name}", shown=_title)
        yield Call(user, "GET", f"{_BY_NAME}/component/default/{name}/ancestry", shown=_ancestors)
        yield Call(user, "POST", f"{catalog}/refresh", {"entityRef": f"component:default/{name}"})
    for uid in ("<<a-gold>>", "<<b-plain>>", "11111111-2222-3333-4444-555555555555"):
        yield Call(user, "GET", f"{catalog}/entities/by-uid/{uid}", shown=_title)
    if user in {"denied", "owner", "unknown", "restricted"}:
        yield Call(user, "DELETE", f"{catalog}/entities/by-uid/<<b-plain>>")


def _locations(user: str) -> Iterator[Call]:
    root = "/api/catalog/locations"
    there = {"type": "url", "target": "https://github.com/acme/one/blob/main/all.yaml"}
    yield Call(user, "GET", root, shown=_targets)
    yield Call(user, "POST", f"{root}/by-query", {}, shown=_targets)
    yield Call(user, "GET", f"{root}/<<location>>")
    yield Call(user, "GET", f"{root}/by-entity/component/default/a-gold")
    yield Call(user, "POST", root, there, shown=_failure if user != "denied" else lambda body: body)
    yield Call(user, "PUT", f"{root}/11111111-2222-3333-4444-555555555555", there)
    yield Call(user, "DELETE", f"{root}/11111111-2222-3333-4444-555555555555")
    analyzed = {"location": {"type": "url", "target": "https://github.com/acme/one"}}
    yield Call(user, "POST", "/api/catalog/analyze-location", analyzed, shown=_presence)
    group = {"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": "g"}}
    place = "url:https://github.com/acme/one/blob/main/catalog-info.yaml"
    checked = {"location": place, "entity": {**group, "spec": {"type": "team", "children": []}}}
    yield Call(user, "POST", "/api/catalog/validate-entity", checked)


def _targets(body: Any) -> Any:
    if isinstance(body, list):
        return sorted(one["data"]["target"] for one in body)
    shown = sorted(one["target"] for one in body["items"])
    return {"items": shown, "totalItems": body["totalItems"], "pageInfo": body["pageInfo"]}


def _templates(user: str) -> Iterator[Call]:
    root = "/api/scaffolder/v2"
    for name in ("guarded", "single", "none"):
        yield Call(user, "GET", f"{root}/templates/default/template/{name}/parameter-schema")
    yield Call(user, "POST", f"{root}/tasks", {"templateRef": "template:default/none", "values": {}})
    for name, values in (
        ("guarded", {"name": "x"}),
        ("guarded", {"name": "forbidden", "password": "p"}),
        ("single", {"name": "x"}),
    ):
        wanted = {"templateRef": f"template:default/{name}", "values": values}
        yield Call(user, "POST", f"{root}/tasks", wanted, keep=("task", "id"), shown=_failure_or_all, until_ended=True)
        yield Call("admin", "GET", f"{root}/tasks/<<task>>", shown=_task)
        yield Call("admin", "GET", f"{root}/tasks/<<task>>/events", shown=_end)


def _failure_or_all(body: Any) -> Any:
    return body if "id" not in body else "started"


def _tries(user: str) -> Iterator[Call]:
    for steps in (
        [{"id": "say", "action": "debug:log", "input": {"message": "hi"}}],
        [{"id": "list", "action": "debug:log", "input": {"message": "hi", "listWorkspace": True}}],
        [{"id": "wait", "action": "debug:wait", "input": {"milliseconds": 1}}],
        [],
    ):
        template = {
            "apiVersion": "scaffolder.backstage.io/v1beta3",
            "kind": "Template",
            "metadata": {"name": "t"},
            "spec": {"owner": "o", "type": "service", "steps": steps, "output": {"done": "yes"}},
        }
        body = {"template": template, "values": {}, "directoryContents": []}
        yield Call(user, "POST", "/api/scaffolder/v2/dry-run", body, shown=_tried)


def _task_calls(user: str) -> Iterator[Call]:
    root = "/api/scaffolder/v2/tasks"
    yield Call(user, "GET", root, shown=_tasks)
    yield Call(user, "GET", f"{root}?createdBy=user:default/admin&limit=1", shown=_tasks)
    yield Call(user, "GET", f"{root}?createdBy=user:default/owner", shown=_tasks)
    for task in ("admins-task", "owners-task", "services-task"):
        yield Call(user, "GET", f"{root}/<<{task}>>", shown=_task)
        yield Call(user, "GET", f"{root}/<<{task}>>/events", shown=_end)
        yield Call(user, "GET", f"{root}/<<{task}>>/eventstream", shown=_stream)
        if user != "admin":
            yield Call(user, "POST", f"{root}/<<{task}>>/cancel", shown=_failure_or_status)
    if user in {"denied", "reader", "unknown", "wrong"}:
        yield Call(user, "POST", f"{root}/<<admins-task>>/retry", {"secrets": {}})
    yield Call(user, "GET", f"{root}/11111111-2222-3333-4444-555555555555", shown=_task)


def _failure_or_status(body: Any) -> Any:
    return body if "error" in body else body["status"]


def _registry(user: str) -> Iterator[Call]:
    root = "/api/scaffolder/.backstage/actions/v1/actions"
    yield Call(user, "GET", root, shown=_ids)
    yield Call(user, "POST", f"{root}/scaffolder:dry-run-template/invoke", {"templateYaml": ": : :"}, shown=_failure)
    yield Call(user, "POST", f"{root}/scaffolder:list-scaffolder-tasks/invoke", {}, shown=_failure)
    found = "/api/catalog/.backstage/actions/v1/actions"
    yield Call(
        user,
        "POST",
        f"{found}/catalog:get-catalog-entity/invoke",
        {"name": "b-plain", "kind": "component"},
        shown=_failure,
    )
    yield Call(
        user, "POST", f"{found}/catalog:query-catalog-entities/invoke", {"query": {"kind": "component"}}, shown=_found
    )


def _found(body: Any) -> Any:
    return "refused" if "error" in body else body["output"]["totalItems"]


def _entities(rule: Any, refs: Any = "component:default/a-gold") -> dict[str, Any]:
    item = {"id": "1", "resourceRef": refs, "resourceType": "catalog-entity", "conditions": rule}
    return {"items": [item]}


def _rule(name: str, type_: str = "catalog-entity", **params: Any) -> dict[str, Any]:
    return {"rule": name, "resourceType": type_, "params": params}


def _applied() -> Iterator[Call]:
    catalog = "/api/catalog/.well-known/backstage/permissions/apply-conditions"
    scaffolder = "/api/scaffolder/.well-known/backstage/permissions/apply-conditions"
    owned = _rule("IS_ENTITY_OWNER", claims=["group:default/team-a"])
    for caller in ("nobody", "admin", "service", "restricted"):
        yield Call(caller, "POST", catalog, _entities(owned))
    refs = [
        "component:default/a-gold",
        "component:default/b-gold",
        "component:default/none",
        "component:default/A-GOLD",
    ]
    for rule in (
        owned,
        {"not": owned},
        {"anyOf": [owned, _rule("HAS_ANNOTATION", annotation="acme.io/PUBLIC")]},
        {"allOf": [owned, {"not": {"anyOf": [_rule("HAS_LABEL", label="acme.io/tier", value="GOLD"), owned]}}]},
        _rule("HAS_ANNOTATION", annotation="acme.io/public", value="YES"),
        _rule("HAS_LABEL", label="acme.io/tier"),
        _rule("HAS_METADATA", key="labels.acme.io/tier", value="Gold"),
        _rule("HAS_METADATA", key="tags"),
        _rule("HAS_SPEC", key="owner"),
        _rule("HAS_SPEC", key="type", value="WEBSITE"),
        _rule("IS_ENTITY_KIND", kinds=["COMPONENT"]),
        _rule("IS_ENTITY_KIND", kinds=[]),
        _rule("NO_SUCH_RULE"),
        {"anyOf": [owned, _rule("NO_SUCH_RULE")]},
        {"rule": "HAS_LABEL", "resourceType": "catalog-entity"},
        _rule("HAS_LABEL"),
        _rule("HAS_LABEL", label=5, value=None),
        _rule("IS_ENTITY_KIND", kinds=["a", 1, None]),
        _rule("HAS_LABEL", label="acme.io/tier", more=1),
    ):
        yield Call("service", "POST", catalog, _entities(rule, refs))
    yield Call("service", "POST", catalog, {"items": []})
    yield Call("service", "POST", catalog, {"items": [{**_entities(owned)["items"][0], "resourceType": "thing"}]})
    for broken in ({}, _entities({"anyOf": []}), _entities(None), _entities(owned, [])):
        yield Call("service", "POST", catalog, broken, shown=_failure)
    mine = _rule("IS_TASK_OWNER", "scaffolder-task", createdBy=["user:default/admin"])
    for type_, ref, rule in (
        ("scaffolder-task", ["<<admins-task>>", "<<owners-task>>", "<<services-task>>"], mine),
        ("scaffolder-task", ["<<admins-task>>", "<<services-task>>"], {"not": mine}),
        ("scaffolder-task", "11111111-2222-3333-4444-555555555555", mine),
        ("scaffolder-template", "x", _rule("HAS_TAG", "scaffolder-template", tag="a")),
        ("scaffolder-action", "x", _rule("HAS_ACTION_ID", "scaffolder-action", actionId="a")),
    ):
        body = {"items": [{"id": "1", "resourceRef": ref, "resourceType": type_, "conditions": rule}]}
        yield Call("service", "POST", scaffolder, body)


def _strangers() -> Iterator[Call]:
    for caller in ("nobody", "limited:owner"):
        for path in ("catalog/entities", "scaffolder/v2/tasks", "scaffolder/v2/tasks/<<admins-task>>/eventstream"):
            yield Call(caller, "GET", f"/api/{path}")
    for caller in ("service", "restricted"):
        yield from _reads(caller)
        yield from _locations(caller)
        yield Call(caller, "GET", "/api/scaffolder/v2/tasks/<<owners-task>>", shown=_task)
        yield Call(caller, "POST", "/api/scaffolder/v2/tasks/<<owners-task>>/cancel", shown=_failure_or_status)
        yield from _templates(caller)
        yield from _tries(caller)


def calls() -> list[Call]:
    """Return all of them, in their order."""
    start = {"templateRef": "template:default/guarded", "values": {"name": "x", "password": "p"}}
    tasks = "/api/scaffolder/v2/tasks"
    first = f"/api/catalog/entities/by-query?filter=kind=component&orderField=metadata.name,asc&limit=1&{_NAMES_ONLY}"
    one = {"type": "url", "target": "https://github.com/acme/one/blob/main/catalog-info.yaml"}
    prepared = [
        Call("admin", "GET", first, keep=("admins", "pageInfo.nextCursor"), shown=_names),
        Call("admin", "GET", f"{_BY_NAME}/component/default/a-gold", keep=("a-gold", "metadata.uid"), shown=_title),
        Call("admin", "GET", f"{_BY_NAME}/component/default/a-plain", keep=("a-plain", "metadata.uid"), shown=_title),
        Call("admin", "GET", f"{_BY_NAME}/component/default/b-plain", keep=("b-plain", "metadata.uid"), shown=_title),
        Call("admin", "POST", "/api/catalog/locations", one, keep=("location", "location.id"), shown=_failure),
        Call("admin", "POST", tasks, start, keep=("admins-task", "id"), shown=_failure, until_ended=True),
        Call(
            "owner",
            "POST",
            tasks,
            {**start, "values": {"name": "mine"}},
            keep=("owners-task", "id"),
            shown=_failure,
            until_ended=True,
        ),
        Call("service", "POST", tasks, start, keep=("services-task", "id"), shown=_failure, until_ended=True),
    ]
    rest = [call for user in USERS for part in (_reads, _task_calls, _locations) for call in part(user)]
    ran = [
        call for user in ("admin", "denied", "reader", "owner", "nested", "logger", "odd") for call in _templates(user)
    ]
    tried = [
        call for user in ("admin", "denied", "reader", "owner", "nested", "logger", "odd") for call in _tries(user)
    ]
    asked = [call for user in ("admin", "denied", "reader", "owner") for call in _registry(user)]
    last = Call("owner", "DELETE", "/api/catalog/entities/by-uid/<<a-plain>>")
    return [*prepared, *rest, *_applied(), *ran, *tried, *asked, *_strangers(), last]


@dataclass
class Client:
    """Sends the calls to one service.

    Attributes:
        url: its root.
        token: makes a user's token of the reference.
        limited: makes a limited token of a user's.
    """

    url: str
    token: Callable[[str], str]
    limited: Callable[[str], str]
    kept: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def run(self, call: Call) -> dict[str, Any]:
        """Send a call and return ``{status, body}`` of the answer, without what differs each time."""
        status, body = self.send(call.caller, call.method, self._filled(call.path), self._filled(call.body))
        if call.keep:
            name, path = call.keep
            self.kept[name] = str(_at(body, path.split(".")) or _missing(name))
        if call.until_ended and status == 201:
            self._wait(body["id"])
        return {"status": status, "body": _plain(call.shown(body)) if body is not None else None}

    def send(self, caller: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request as a caller and return status and body; text of a stream is a string."""
        headers = {"content-type": "application/json"} if body is not None else {}
        if token := self._token(caller):
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=patience.SECONDS) as answer:
                return answer.status, _body(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _body(error.read())

    def _token(self, caller: str) -> str | None:
        fixed = {"nobody": None, "service": FULL, "restricted": RESTRICTED}
        if caller in fixed:
            return fixed[caller]
        kind, _, name = caller.rpartition(":")
        if name not in self._tokens:
            self._tokens[name] = self.token(f"user:default/{name}")
        return self.limited(self._tokens[name]) if kind else self._tokens[name]

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub("<<([a-z-]+)>>", lambda found: self.kept.get(found[1], _missing(found[1])), value)
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return {key: self._filled(item) for key, item in value.items()} if isinstance(value, dict) else value

    def _wait(self, task: str) -> None:
        end = time.monotonic() + patience.SECONDS
        while time.monotonic() < end:
            if self.send("service", "GET", f"/api/scaffolder/v2/tasks/{task}")[1]["status"] not in {
                "open",
                "processing",
            }:
                return
            time.sleep(0.05)
        raise AssertionError(f"the task {task} did not end")


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return value


def _missing(name: str) -> str:
    """Return what a request names when the answer that was to say it was a refusal; task ids have to be UUIDs."""
    return "11111111-2222-3333-4444-555555555555" if name == "task" else "none"


def _body(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HASH = re.compile("[0-9a-f]{40}")
_FILE = re.compile(r"/\S*/entities\.yaml")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _FILE.sub("<file>", _HASH.sub("<hash>", _UUID.sub("<id>", value)))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) >= {"error", "request", "response"}:
        error = value["error"]
        if error.get("name") == "ResponseError" or "The permission backend" in str(error.get("message")):
            return {"error": "the permission backend gives no answer"}  # ours says more about it
        return {"error": {"name": error.get("name"), "message": _plain(error.get("message"))}}
    return {key: "<cursor>" if key.endswith("Cursor") else _plain(item) for key, item in value.items()}


def stricter(recorded: dict[str, Any]) -> dict[str, Any]:
    """Leading a location elsewhere takes what deleting it takes, which owners and that token may not do."""
    if recorded["call"].startswith(("owner PUT /api/catalog/locations/", "restricted PUT /api/catalog/locations/")):
        return {**recorded, "status": 403, "body": {"error": {"name": "NotAllowedError", "message": ""}}}
    return recorded
