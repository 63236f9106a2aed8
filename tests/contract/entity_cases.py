"""Generated entities for ``POST /validate-entity``: good ones of every kind, spoilt at random."""

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.contract.catalog_cases import Case

_V1 = "backstage.io/v1alpha1"
_PROFILE = {"displayName": "d", "email": "e", "picture": "p"}
_METADATA = {
    "name": "n",
    "namespace": "default",
    "title": "T",
    "description": "d",
    "labels": {"a/b": "c"},
    "annotations": {"a.b/c": "d"},
    "tags": ["x"],
    "links": [{"url": "u", "title": "t", "icon": "i", "type": "y"}],
}
_COMPONENT = {
    "type": "service",
    "lifecycle": "p",
    "owner": "o",
    "system": "s",
    "subcomponentOf": "c",
    "providesApis": ["a"],
    "consumesApis": ["a"],
    "dependsOn": ["component:x"],
    "dependencyOf": ["component:x"],
}
_STEP = {"id": "a", "name": "n", "action": "x", "input": {"a": 1}, "if": "x", "each": [1]}
_TEMPLATE = {
    "type": "service",
    "owner": "o",
    "lifecycle": "l",
    "steps": [_STEP],
    "formDecorators": [{"id": "x"}],
    "parameters": [{"title": "p", "properties": {"a": {"type": "string"}}, "backstage:permissions": {"tags": ["x"]}}],
    "output": {"links": [{"url": "u", "title": "t", "entityRef": "e"}], "text": [{"title": "t", "content": "c"}]},
    "presentation": {"buttonLabels": {"backButtonText": "a", "createButtonText": "b", "reviewButtonText": "c"}},
    "EXPERIMENTAL_recovery": {"EXPERIMENTAL_strategy": "startOver"},
}
_SPECS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Component", _COMPONENT),
    ("API", {"type": "openapi", "lifecycle": "p", "owner": "o", "system": "s", "definition": "x"}),
    ("System", {"owner": "o", "domain": "d", "type": "t"}),
    ("Domain", {"owner": "o", "subdomainOf": "d", "type": "t"}),
    ("Resource", {"type": "db", "owner": "o", "dependsOn": ["r:x"], "dependencyOf": ["component:x"], "system": "s"}),
    ("Group", {"type": "team", "profile": _PROFILE, "parent": "p", "children": ["c"], "members": ["m"]}),
    ("User", {"profile": _PROFILE, "memberOf": ["g"]}),
    ("Template", _TEMPLATE),
)
_BAD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, "", " ", "a", "A b", "x" * 63, "x" * 64, "x" * 253, "x" * 254, [], {}, [1]),
    *([None], ["", ""], ["a", "a"], [{}], {"a": 1}, {"a": None}, {"": ""}, "ä", "a/b", "a:b", "a:b/c", "a.b_c-d", "-a"),
    *("a-", ".a", "a..b", "a--b", _V1, "backstage.io/v1beta1", "v1", "scaffolder.backstage.io/v1beta3", "component"),
    *("scaffolder.backstage.io/v1beta2", "Component", "javascript:alert(1)", "${{ x }}", "a\nb", "a\tb", "a\0b", "🎉"),
    *(
        1e21,
        {"toString": "x"},
        {"constructor": "x"},
        ["component:"],
        [":x"],
        ["a:b:c"],
        ["a/b/c"],
        ["resource:"],
        [[1]],
    ),
    *({"x/y/z": "a"}, {"X.y/z": "a"}, {"x" * 254 + "/a": "b"}, {"a": "x" * 64}, {"a": "-x"}, {"a/": "x"}, {"/a": "x"}),
    {"kind": "component", "name": "x"},
)
_MEMBERS = (
    "relations",
    "status",
    "metadata",
    "spec",
    "kind",
    "foo",
    "name",
    "namespace",
    "uid",
    "etag",
    "labels",
    "type",
)
_PLACES = ("", "x", "url:", "url:x", "file:/x", "http://x", "url: https://x", None, 1, "a:b:c")


def validations(seed: int, count: int) -> list[Case]:
    """Return requests, the same for the same seed."""
    dice = random.Random(seed)
    return [Case("POST", "/validate-entity", _body(dice)) for _ in range(count)]


def _body(dice: random.Random) -> dict[str, Any]:
    kind, spec = dice.choice(_SPECS)
    version = "scaffolder.backstage.io/v1beta3" if kind == "Template" else _V1
    entity = copy.deepcopy({"apiVersion": version, "kind": kind, "metadata": _METADATA, "spec": spec})
    for _ in range(dice.choice([0, 1, 1, 1, 1, 2, 3])):
        _spoil(entity, dice)
    place = dice.choice(_PLACES) if dice.random() < 0.05 else "url:https://github.com/a/b/blob/main/x.yaml"
    return {"entity": entity, "location": place}


def _spoil(entity: Any, dice: random.Random) -> None:
    holder, key = dice.choice(list(_places(entity)))
    roll = dice.random()
    if roll < 0.6:
        holder[key] = copy.deepcopy(dice.choice(_BAD))
    elif roll < 0.8:
        del holder[key]
    elif isinstance(holder, dict):
        holder[dice.choice(_MEMBERS)] = copy.deepcopy(dice.choice(_BAD))
    else:
        holder.append(copy.deepcopy(dice.choice(_BAD)))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
