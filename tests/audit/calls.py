"""Calls that Backstage and this service get alike, and their audit events without what differs in each run."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests import patience

_AGENT = "caller"
_ENTITY = "/api/catalog/entities/by-name/template/default/greet"
_DRY_RUN = {
    "template": {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "tried"},
        "spec": {
            "owner": "guests",
            "type": "service",
            "parameters": {"properties": {"name": {"type": "string"}}},
            "steps": [{"id": "say", "name": "Say", "action": "debug:log", "input": {"message": "hello"}}],
        },
    },
    "values": {"name": "x"},
    "directoryContents": [],
}
_LOCATION = {"type": "url", "target": "https://git.example/acme/catalog-info.yaml"}
TEMPLATE = {
    "apiVersion": "scaffolder.backstage.io/v1beta3",
    "kind": "Template",
    "metadata": {"name": "greet", "title": "Greet"},
    "spec": {
        "owner": "guests",
        "type": "service",
        "parameters": {"required": ["name"], "properties": {"name": {"type": "string"}}},
        "steps": [{"id": "say", "name": "Say", "action": "debug:log", "input": {"message": "${{ parameters.name }}"}}],
    },
}

CALLS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api/scaffolder/v2/templates/default/template/greet/parameter-schema", None),
    ("GET", "/api/scaffolder/v2/templates/default/template/nobody/parameter-schema", None),
    ("GET", "/api/scaffolder/v2/actions", None),
    ("POST", "/api/scaffolder/v2/tasks", {"templateRef": "template:default/greet", "values": {"name": "n" * 300}}),
    ("GET", "/api/scaffolder/v2/tasks/{task}/eventstream", None),
    ("POST", "/api/scaffolder/v2/tasks", {"templateRef": "template:default/greet", "values": {}}),
    ("POST", "/api/scaffolder/v2/tasks", {"templateRef": "template:default/nobody", "values": {}}),
    ("GET", "/api/scaffolder/v2/tasks?limit=5", None),
    ("GET", "/api/scaffolder/v2/tasks/{task}", None),
    ("GET", "/api/scaffolder/v2/tasks/00000000-0000-0000-0000-000000000000", None),
    ("GET", "/api/scaffolder/v2/tasks/{task}/events?after=0", None),
    ("POST", "/api/scaffolder/v2/tasks/{task}/cancel", {}),
    ("POST", "/api/scaffolder/v2/dry-run", _DRY_RUN),
    ("GET", "/api/catalog/entities?filter=kind=template&fields=kind", None),
    ("GET", "/api/catalog/entities/by-query?filter=kind=template&limit=1", None),
    ("POST", "/api/catalog/entities/by-query", {"query": {"kind": "Template"}}),
    ("GET", _ENTITY, None),
    ("GET", "/api/catalog/entities/by-name/template/default/nobody", None),
    ("GET", f"{_ENTITY}/ancestry", None),
    ("GET", "/api/catalog/entities/by-uid/{uid}", None),
    ("POST", "/api/catalog/entities/by-refs", {"entityRefs": ["template:default/greet"], "fields": ["kind"]}),
    ("GET", "/api/catalog/entity-facets?facet=kind", None),
    ("POST", "/api/catalog/refresh", {"entityRef": "template:default/greet"}),
    ("POST", "/api/catalog/locations", _LOCATION),
    ("POST", "/api/catalog/locations", _LOCATION),
    ("GET", "/api/catalog/locations", None),
    ("POST", "/api/catalog/locations/by-query", {"query": {}}),
    ("GET", "/api/catalog/locations/{location}", None),
    ("GET", "/api/catalog/locations/by-entity/template/default/greet", None),
    ("DELETE", "/api/catalog/locations/{location}", None),
    ("POST", "/api/catalog/validate-entity", {"entity": {"kind": "Nothing"}, "location": "url:https://git.example/x"}),
    ("DELETE", "/api/catalog/entities/by-uid/{uid}", None),
)


@dataclass(slots=True)
class Caller:
    """Sends the calls as the guest."""

    url: str
    token: str
    names: dict[str, str] = field(default_factory=dict)

    def send_all(self) -> None:
        """Send all calls, one after the other."""
        self.names["uid"] = self.wait_for_the_template()
        for method, path, body in CALLS:
            answer = self.send(method, path, body)
            if method == "POST" and path.endswith("/v2/tasks") and "id" in answer:
                self.names["task"] = answer["id"]
            if method == "POST" and path.endswith("/locations") and "location" in answer:
                self.names["location"] = answer["location"]["id"]

    def wait_for_the_template(self) -> str:
        """Return the id of its entity."""
        found = patience.wait(lambda: self.send("GET", _ENTITY, None).get("metadata"), "the template is in the catalog")
        return str(found["uid"])

    def send(self, method: str, path: str, body: Any) -> Any:
        """Return the answer to a call."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}", "user-agent": _AGENT}
        url = self.url + path.format(**self.names)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refused:
            text = refused.read()
        try:
            return json.loads(text)
        except ValueError:
            return {}


def normal(lines: Iterable[str], names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the events of a log, in an order that does not depend on what happens at the same time."""
    found = [_normal(event, names) for event in _events(lines) if _is_of_a_call(event)]
    first = next(
        index for index, one in enumerate(found) if one["request"] and "parameter-schema" in one["request"]["url"]
    )  # before it, the template is waited for
    return sorted(found[first:], key=lambda one: json.dumps(one, sort_keys=True))


def _is_of_a_call(event: dict[str, Any]) -> bool:
    """Leave out what plugins ask each other within Backstage, and the sign-in, of which it tells nothing."""
    return bool(event["actor"].get("userAgent", _AGENT) == _AGENT and event["plugin"] != "auth")


def _events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{") and '"isAuditEvent":true' in line.replace(" ", ""):
            yield json.loads(line)


def _normal(event: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    kept = {
        "plugin": event["plugin"],
        "eventId": event["eventId"],
        "severityLevel": event["severityLevel"],
        "status": event["status"],
        "actor": {name: value for name, value in event["actor"].items() if name != "ip"},
        "request": event.get("request"),
        "meta": event.get("meta"),
    }
    text = json.dumps(kept)
    for name, value in names.items():
        text = text.replace(value, f"<{name}>")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>", text)
    text = re.sub(r'"(nextCursor|prevCursor)": "[^"]*"', r'"\1": "<cursor>"', text)
    text = re.sub(r"generated-[0-9a-f]{40}", "generated-<hash>", text)
    found: dict[str, Any] = json.loads(text)
    return found
