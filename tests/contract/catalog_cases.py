"""Generated requests to a catalog, sensible and hostile, and answers with only that which any catalog must agree on."""

import json
import random
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests import patience
from tests.contract.catalog_fixture import TITLES, TOKEN

_KEYS = (
    *("kind", "metadata.name", "metadata.namespace", "metadata.title", "metadata.description", "metadata.tags"),
    *("metadata.tags.java", "metadata.tags.c++", "metadata.annotations.example.com/a", "metadata.annotations"),
    *("metadata.annotations.a.b.c/d.e", "metadata.labels.tier", "metadata.labels.example.com/x.y", "spec.type"),
    *("spec.lifecycle", "spec.owner", "spec.system", "spec.custom", "spec.custom.a", "spec.custom.a.b.c"),
    *("spec.custom.x", "spec.custom.1", "spec.custom.A", "spec.dependsOn", "spec.dependsOn.resource:res1"),
    *("relations.ownedBy", "relations.ownerOf", "relations", "relations.dependson", "metadata.links.url"),
    *("metadata.links", "metadata", "spec", "apiVersion", "status", "status.items", "spec.a.b.c", "spec.a.b", "KIND"),
    *("Metadata.Name", "nope", "", "a[0]", "relations.partOf", "spec.profile.email", "metadata.tags[0]", "toString"),
    *("spec.steps.action", "spec.memberOf", "metadata.links.title"),
)
_VALUES = (
    *("Component", "component", "COMPONENT", "group", "c1", "C-0_x.Y", "c-0_x.y", "default", "other", "prod-x", "java"),
    *("c++", "service", "Service", "production", "team-1", "user:user1", "group:default/team-1", "false", "1", "1.5"),
    *("-0", "1e21", "1e-7", "x", "", "Ä", "ä", "ärger", "i̇stanbul", "%", "resource:default/res1", "api", "openapi"),
    *("sys1", "nothing", "12345678901234567890", "12345678901234567000", "[]", "{}", "spaced", " component ", *TITLES),
)
_TYPED = (*_VALUES, 1, 0, 1.5, True, False, 1e21, -0.0)
_SHAPES: tuple[Any, ...] = (
    *({}, "x", None, 1, True, [], [{"kind": "api"}], {"$nope": 1}, {"kind": {"$nope": 1}}, {"kind": {"$in": "x"}}),
    *({"kind": {"$exists": "yes"}}, {"kind": []}, {"kind": None}, {"$all": {}}, {"$not": []}, {"kind": {}}),
    *({"kind": {"$in": []}}, {"kind": {"$in": [None]}}, {"kind": {"$exists": True, "$in": ["api"]}}),
    *({"$all": [], "kind": "api"}, {"$all": [], "$any": []}, {"kind": {"$hasPrefix": ""}}, {"kind": {"$hasPrefix": 1}}),
    *({"metadata.name": {"$not": "x"}}, {"metadata.tags": {"$contains": {"a": "b"}}}, {"$contains": "x"}),
    *({"relations": {"$contains": one}} for one in ({}, {"type": "ownedBy"}, {"foo": "bar"})),
    {"relations": {"$contains": {"type": "ownedBy", "targetRef": "group:default/team-1"}}},
    {"relations": {"$contains": {"type": {"$in": ["ownedBy", "partOf"]}}}},
    {"relations": {"$contains": {"type": "ownedBy", "targetRef": {"$in": ["group:default/team-1"]}}}},
    {"relations": {"$contains": {"type": "ownedBy", "targetRef": {"$hasPrefix": "group:"}}}},
    *({"metadata.tags": {"$contains": {"$in": ["java"]}}}, {"spec.custom": {"$contains": None}}, {"$exists": True}),
)
_ORDERS = (
    "metadata.name",
    "spec.type",
    "metadata.title",
    "kind",
    "spec.custom",
    "METADATA.NAME",
    "nope",
    "spec.owner",
    "",
)
_REFS = (
    "component:other/c1",
    "c1",
    "Component:c2",
    "group:DEFAULT/team-1",
    "nope:default/x",
    "a:b:c",
    "",
    ":x",
    "a/b/c",
)
_NO_LOCATION = ("filter", "kind=component")  # the name of the one there is holds random digits


@dataclass(frozen=True)
class Case:
    """A request; ``items`` tells how much of the order of the answer is agreed on: all, none, or only the number."""

    method: str
    path: str
    body: Any = None
    items: str = "exact"


def queries(seed: int, count: int) -> list[Case]:
    """Return requests for entities and facets, the same for the same seed."""
    dice = _Dice(seed)
    makers = (dice.list, dice.page, dice.page, dice.predicate_page, dice.predicate_page, dice.predicate_page)
    more = (dice.facets, dice.predicate_facets, dice.refs, dice.full_text, dice.predicate_full_text)
    return [dice.one((*makers, *more))() for _ in range(count)]


class _Dice:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, choices: Any) -> Any:
        return self._random.choice(choices)

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def several(self, make: Callable[[], Any], *counts: int) -> list[Any]:
        return [make() for _ in range(self.one(counts))]

    def key(self) -> str:
        return str(self.one(_KEYS))

    def predicate(self, depth: int = 0) -> Any:
        if depth < 3 and self.chance(0.3):
            return {self.one(["$all", "$any"]): self.several(lambda: self.predicate(depth + 1), 0, 1, 2, 3)}
        if depth < 3 and self.chance(0.15):
            return {"$not": self.predicate(depth + 1)}
        if self.chance(0.1):
            return self.one(_SHAPES)
        found = {self.key(): self.condition()}
        return {**found, self.key(): self.one(_TYPED)} if self.chance(0.2) else found

    def condition(self) -> Any:
        return self.one(
            [
                self.one(_TYPED),
                {"$in": self.several(lambda: self.one(_TYPED), 0, 1, 2, 4)},
                {"$exists": self.one([True, False])},
                {"$hasPrefix": self.one(_VALUES)[: self.one(range(6))]},
                {"$contains": self.one(_TYPED)},
            ]
        )

    def filter(self) -> tuple[str, str]:
        def part() -> str:
            if self.chance(0.1):
                return str(self.one(["=", "=x", "a=b=c", " kind = component ", ",", "!kind", "", f"{self.key()}="]))
            return self.key() if self.chance(0.2) else f"{self.key()}={self.one(_VALUES)}"

        return "filter", ",".join(self.several(part, 1, 1, 1, 2, 3))

    def fields(self) -> str:
        return ",".join(self.several(lambda: self.one([*_KEYS, "a..b", ".", "kind.", " kind "]), 1, 2, 3))

    def list(self) -> Case:
        sent = self.several(self.filter, 0, 1, 1, 2)
        if self.chance(0.4):
            sent.append(("fields", self.fields()))
        if self.chance(0.2):
            sent.append(("order", self.one(["asc:metadata.name", "x", "asc:", "desc:spec.type"])))
        window = self.chance(0.2)
        if window:
            sent.append((self.one(["limit", "offset"]), self.one(["0", "-1", "abc", "1.5", "", "1000", "  "])))
        return Case("GET", _path("/entities", sent), items="number" if window else "any")

    def page(self) -> Case:
        sent = self.several(self.filter, 0, 1, 1, 2)
        if self.chance(0.3):
            sent.append(("fields", self.fields()))
        if self.chance(0.6):
            sent.append(("orderField", self.one(_ORDERS) + self.one(["", ",asc", ",desc", ",x", ",asc,desc"])))
        window = self.chance(0.4)
        if window:
            sent.append((self.one(["limit", "offset"]), self.one(["0", "1", "5", "-1", "abc", "1000", "1.5", ""])))
        if self.chance(0.2):
            sent.append(("totalItems", self.one(["include", "exclude", "x", ""])))
        return Case("GET", _path("/entities/by-query", sent), items="number" if window else "any")

    def predicate_page(self) -> Case:
        body: dict[str, Any] = {"query": self.predicate()}
        if self.chance(0.3):
            body["fields"] = self.one([[self.key()], [self.key(), self.key()], "kind", [], [1], None])
        if self.chance(0.4):
            name = [{"field": "metadata.name", "order": "asc"}, {"field": "kind", "order": "desc"}]
            wrong = [{"field": "kind", "order": "asc"}, [{"field": "kind", "order": "x"}], [{"field": "kind"}]]
            body["orderBy"] = self.one([[{"field": self.one(_ORDERS), "order": "desc"}], [], name, *wrong])
        window = self.chance(0.3)
        if window:
            body[self.one(["limit", "offset"])] = self.one([0, 1, 5, "5", 1000, None])
        if self.chance(0.1):
            body["totalItems"] = self.one(["include", "exclude", "x", None, 1])
        return Case("POST", "/entities/by-query", body, "number" if window else "any")

    def facets(self) -> Case:
        sent = [("facet", key) for key in self.several(self.key, 0, 1, 2, 3)]
        return Case("GET", _path("/entity-facets", [*sent, *self.several(self.filter, 0, 0, 1, 2)]))

    def predicate_facets(self) -> Case:
        names = self.one([[self.key()], [self.key(), self.key()], [], "kind", [""], [1], None])
        return Case("POST", "/entity-facets", {"facets": names, "query": self.predicate()})

    def refs(self) -> Case:
        body: Any = {"entityRefs": self.several(lambda: self.one(_REFS), 0, 1, 2, 4)}
        if self.chance(0.3):
            body["fields"] = self.one([[self.key()], [self.key(), "kind"], [], None])
        if self.chance(0.3):
            body["query"] = self.predicate()
        if self.chance(0.1):
            body = self.one([{"entityRefs": "x"}, {"entityRefs": [1]}])
        return Case("POST", _path("/entities/by-refs", self.several(self.filter, 0, 0, 1)), body)

    def full_text(self) -> Case:
        fields = ",".join(self.several(self.key, 1, 2, 3))
        sent = [("fullTextFilterTerm", self.one([*_VALUES, "c", "e", "TEAM", "É"])), ("fullTextFilterFields", fields)]
        return Case("GET", _path("/entities/by-query", [*sent, _NO_LOCATION]), items="any")

    def predicate_full_text(self) -> Case:
        term = self.one([*_VALUES, "c", "1"])
        wrong = ({"term": "c", "fields": []}, {"term": 1}, "c", None)
        asked = self.one([{"term": term, "fields": [self.key(), self.key()]}, self.one(wrong)])
        return Case("POST", "/entities/by-query", {"fullTextFilter": asked, "query": {"kind": "component"}}, "any")


def _path(path: str, sent: list[tuple[str, str]]) -> str:
    return f"{path}?{urllib.parse.urlencode(sent)}" if sent else path


def answer(url: str, case: Case) -> Any:
    """Return status and body of the answer, without what differs from one catalog to the next."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    data = json.dumps(case.body).encode() if case.method == "POST" else None
    request = urllib.request.Request(f"{url}/api/catalog{case.path}", data, headers, method=case.method)
    try:
        with urllib.request.urlopen(request, timeout=patience.SECONDS) as response:
            return [response.status, _agreed(json.loads(response.read() or b"null"), case)]
    except urllib.error.HTTPError as error:
        return [error.code, _agreed(json.loads(error.read()), case)]


def _agreed(body: Any, case: Case) -> Any:
    body = _neutral(body)
    if isinstance(body, list):
        return _arranged(body, case)
    if isinstance(body, dict):
        body.pop("request", None)
        for error in (body.get("error"), *body.get("errors", ())):
            if isinstance(error, dict):
                error.pop("stack", None)
        if "pageInfo" in body:
            body["pageInfo"] = sorted(body["pageInfo"])
        if "items" in body:
            body["items"] = _arranged(body["items"], case)
    return body


def _arranged(items: list[Any], case: Case) -> Any:
    shown = [_named(item) for item in items]
    if case.items == "number":
        return len(shown)
    return shown if case.items == "exact" else sorted(shown, key=json.dumps)


def _named(item: Any) -> Any:
    """Return the reference of a whole entity, so that a recording stays small; whole ones are compared elsewhere."""
    if isinstance(item, dict) and {"apiVersion", "kind", "metadata", "spec", "relations"} <= item.keys():
        return f"{item['kind']}:{item['metadata'].get('namespace')}/{item['metadata'].get('name')}"
    return item


_OWN = re.compile(r"/[^\"]*(?=/all\.yaml)|generated-[0-9a-f]{40}")


def _neutral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _neutral(item) for key, item in value.items() if key not in {"uid", "etag"}}
    if isinstance(value, list):
        return [_neutral(item) for item in value]
    if isinstance(value, int) and abs(value) > 2**53:
        return float(value)  # the same number, written in another way
    return _OWN.sub("OWN", value) if isinstance(value, str) else value
