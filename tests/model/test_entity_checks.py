"""What is accepted as an entity, and the words in which the rest is refused; expectations are answers of Backstage."""

import copy
from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.model import entity_relations, entity_schema, field_format

COMPONENT: dict[str, Any] = {
    "apiVersion": "backstage.io/v1alpha1",
    "kind": "Component",
    "metadata": {
        "name": "web",
        "labels": {"example.com/tier": "1"},
        "annotations": {"example.com/note": "x"},
        "tags": ["java", "c++"],
        "links": [{"url": "https://example.com", "title": "T"}],
    },
    "spec": {"type": "service", "lifecycle": "production", "owner": "team-a", "dependsOn": ["resource:db"]},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the component with one value changed; ``...`` takes the value out."""
    entity = copy.deepcopy(COMPONENT)
    *parents, last = path.split("/")
    target: Any = entity
    for part in parents:
        target = target[int(part) if part.isdigit() else part]
    key = int(last) if last.isdigit() else last
    if value is ...:
        del target[key]
    else:
        target[key] = value
    return entity


def test_only_a_page_of_several_has_a_condition() -> None:
    spec: dict[str, Any] = {"type": "s", "steps": [{"action": "debug:log"}]}
    entity = {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "t"},
        "spec": spec,
    }
    spec["parameters"] = [{"when": 3, "properties": {}}]
    problem = entity_schema.kind_problem(entity)
    assert problem is not None
    assert (problem.path, problem.message) == ("/spec/parameters", "must be object")
    for accepted in ({"when": 3}, [{"when": "x"}, {"when": False}, {}]):
        spec["parameters"] = accepted
        assert entity_schema.kind_problem(entity) is None


def test_a_good_component_has_no_problem() -> None:
    assert entity_schema.policy_problem(COMPONENT) is None
    assert entity_schema.kind_problem(COMPONENT) is None


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("metadata/name", 5, "Malformed envelope, /metadata/name must be string"),
        ("metadata/annotations/a", 1, "Malformed envelope, /metadata/annotations/a must be string"),
        ("metadata/labels", [1], "Malformed envelope, /metadata/labels must be object"),
        ("metadata/tags", [""], "Malformed envelope, /metadata/tags/0 must NOT have fewer than 1 characters"),
        ("metadata/links/0/url", ..., "Malformed envelope, /metadata/links/0 must have required property 'url'"),
        ("foo", 1, "Malformed envelope, <root> must NOT have additional properties"),
        ("relations", [], "Unknown field relations"),
    ],
)
def test_the_shape_of_all_kinds(path: str, value: Any, problem: str) -> None:
    assert entity_schema.policy_problem(changed(path, value)) == problem


@pytest.mark.parametrize(
    ("path", "value", "start"),
    [
        (
            "metadata/name",
            "bad name",
            '"metadata.name" is not valid; expected a string that is sequences of [a-zA-Z0-9]',
        ),
        ("metadata/name", "-a", '"metadata.name" is not valid; '),
        ("metadata/name", "x" * 64, '"metadata.name" is not valid; '),
        (
            "metadata/namespace",
            "Team",
            '"metadata.namespace" is not valid; expected a string that is sequences of [a-z0-9]',
        ),
        ("metadata/tags", ["A"], '"tags.0" is not valid; expected a string that is sequences of [a-z0-9+#]'),
        ("metadata/labels", {"a/b/c": "x"}, '"labels.a/b/c" is not valid; expected a valid prefix and/or suffix'),
        ("metadata/labels", {"a": "-"}, '"labels.a" is not valid; expected a string that is sequences of [a-zA-Z0-9]'),
        ("metadata/annotations", {"A B": "x"}, '"annotations.A B" is not valid; expected a valid prefix'),
        ("metadata/links", [{"url": "nope"}], '"links.0.url" is not valid; expected a string that is a valid url'),
        ("metadata/links", [{"url": "a:b", "icon": " "}], '"links.0.icon" is not valid; expected a non empty string'),
        ("kind", "a-b", '"kind" is not valid; expected a string that is a sequence of [a-zA-Z]'),
        ("apiVersion", "a b", '"apiVersion" is not valid; expected a valid prefix and/or suffix'),
    ],
)
def test_the_format_of_fields(path: str, value: Any, start: str) -> None:
    problem = entity_schema.policy_problem(changed(path, value))
    assert problem is not None
    assert problem.startswith(start)
    assert problem.endswith("adr002-default-catalog-file-format.md")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("spec/owner", ..., "/spec must have required property 'owner' - missingProperty: owner"),
        ("spec", ..., "<root> must have required property 'spec' - missingProperty: spec"),
        ("spec/type", "", "/spec/type must NOT have fewer than 1 characters - limit: 1"),
        ("spec/dependsOn", "db", "/spec/dependsOn must be array - type: array"),
        ("spec/dependsOn/0", None, "/spec/dependsOn/0 must be string - type: string"),
    ],
)
def test_the_schema_of_a_kind(path: str, value: Any, problem: str) -> None:
    found = entity_schema.kind_problem(changed(path, value))
    assert found is not None
    assert found.full_message() == problem


@pytest.mark.parametrize("entity", [changed("kind", "Nope"), changed("apiVersion", "backstage.io/v9")])
def test_a_kind_or_version_that_is_not_known(entity: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        entity_schema.kind_problem(entity)


def test_an_api_that_is_an_mcp_server_needs_remotes_and_no_definition() -> None:
    entity = changed("kind", "API")
    entity["spec"] = {"type": "mcp-server", "lifecycle": "x", "owner": "o"}
    problem = entity_schema.kind_problem(entity)
    assert problem is not None
    assert problem.params == "missingProperty: remotes"
    entity["spec"]["remotes"] = [{"type": "streamable-http", "url": "http://host"}]
    assert entity_schema.kind_problem(entity) is None


def test_every_schema_can_be_compiled_and_describes_itself() -> None:
    for kind in entity_schema.KINDS:
        entity = {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": {"name": "a"}}
        if kind == "Template":
            entity["apiVersion"] = "scaffolder.backstage.io/v1beta3"
        problem = entity_schema.kind_problem(entity)
        assert problem is not None
        assert problem.params == "missingProperty: spec"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/a?b#c", True),
        ("mailto:a@b", True),
        ("http:example.com", True),
        ("HTTP://[::1]:80/", True),
        ("https://", False),
        ("//example.com", False),
        ("http://a b", False),
        ("http://x:99999", False),
        ("example", False),
        (None, False),
    ],
)
def test_what_a_browser_takes_for_a_url(text: Any, expected: bool) -> None:
    assert field_format.is_url(text) is expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([1], 'Entity reference 1 had missing or empty kind (e.g. did not start with "component:" or similar)'),
        ([None], "Entity reference must not be empty"),
        ({"a": "b"}, 'Entity reference {"a":"b"} had missing or empty kind '),
        ({"kind": "component"}, 'Entity reference {"kind":"component"} had missing or empty name'),
        (["a\tb"], 'Entity reference "a\\tb" had missing or empty kind '),
    ],
)
def test_what_the_schemas_leave_open_is_still_a_reference(value: Any, problem: str) -> None:
    entity = changed("spec/dependencyOf", value)
    assert entity_schema.kind_problem(entity) is None
    with pytest.raises(InputError) as raised:
        list(entity_relations.of(entity))
    assert raised.value.message.startswith(problem)


def test_a_reference_may_be_an_object_where_the_schema_is_open() -> None:
    found = entity_relations.of(changed("spec/dependencyOf", [{"kind": "Component", "name": "Other"}]))
    assert ("component:default/web", "dependencyOf", "component:default/other") in {
        (one.source, one.type, one.target) for one in found
    }
