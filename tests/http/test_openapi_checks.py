"""Requests against an OpenAPI document, in the words of Backstage's validator."""

from typing import Any

import pytest
from starlette.requests import Request

from backstage_py.errors import InputError
from backstage_py.http.openapi import OpenApiValidator

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "paths": {
        "/api/demo/things": {
            "get": {
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 0}},
                    {"in": "query", "name": "offset", "schema": {"type": "integer", "minimum": 0}},
                    {"in": "query", "name": "filter", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"$ref": "#/components/parameters/fields"},
                    {"in": "query", "name": "mode", "schema": {"type": "string", "enum": ["a", "b"]}},
                    {"in": "query", "name": "cursor", "schema": {"type": "string", "minLength": 1}},
                ]
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                }
            },
        },
        "/api/demo/things/{id}": {
            "post": {
                "parameters": [{"in": "query", "name": "dryRun", "schema": {"type": "string"}}],
                "requestBody": {"required": False, "content": {"application/json": {"schema": {"type": "object"}}}},
            }
        },
        "/api/demo/facets": {
            "get": {
                "parameters": [
                    {
                        "in": "query",
                        "name": "facet",
                        "required": True,
                        "schema": {"type": "array", "items": {"type": "string"}},
                    }
                ]
            }
        },
    },
    "components": {
        "parameters": {
            "fields": {
                "in": "query",
                "name": "fields",
                "explode": False,
                "schema": {"type": "array", "items": {"type": "string"}},
            }
        },
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["name", "values"],
                "properties": {
                    "name": {"type": "string", "minLength": 2},
                    "values": {"$ref": "#/components/schemas/Values"},
                    "count": {"type": "number", "maximum": 5},
                    "kind": {"type": "string", "enum": ["x", "y"]},
                    "either": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]},
                    "maybe": {"type": "string", "nullable": True},
                    "inner": {"$ref": "#/components/schemas/Thing"},
                },
                "additionalProperties": False,
            },
            "Values": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}


@pytest.fixture(scope="module")
def validator() -> OpenApiValidator:
    return OpenApiValidator(DOCUMENT, prefix="/api/demo")


def check(
    validator: OpenApiValidator,
    target: str,
    body: Any = None,
    *,
    media_type: str | None = None,
    path: str | None = None,
) -> Any:
    route, _, query = target.partition("?")
    headers = [(b"content-type", media_type.encode())] if media_type else []
    request = Request({"type": "http", "query_string": query.encode(), "headers": headers, "method": "GET"})
    method = "GET" if body is None and media_type is None and path is None else "POST"
    return validator.check_request(path or route, method, request, body)


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("limit=3&offset=0", {"limit": 3, "offset": 0}),
        ("limit=1e1", {"limit": 10}),
        ("limit=%201", {"limit": 1}),
        ("limit=0x10", {"limit": 16}),
        ("filter=a", {"filter": ["a"]}),
        ("filter=a&filter=b=c,d", {"filter": ["a", "b=c,d"]}),
        ("filter[]=a", {"filter": ["a"]}),
        ("filter%5B0%5D=a&filter[1]=b", {"filter": ["a", "b"]}),
        ("filter=a&filter=", {"filter": ["a", ""]}),
        ("filter=a+b%2Bc%C3%A4", {"filter": ["a b+cä"]}),
        ("fields=a,b.c", {"fields": ["a", "b.c"]}),
        ("fields=a&fields=b,c", {"fields": ["a", "b,c"]}),
        ("mode=b", {"mode": "b"}),
    ],
)
def test_parameters_come_in_the_types_of_their_schemas(
    validator: OpenApiValidator, query: str, values: dict[str, Any]
) -> None:
    assert check(validator, f"/things?{query}") == values


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=abc", "request/query/limit must be integer"),
        ("limit=1.5", "request/query/limit must be integer"),
        ("limit=true", "request/query/limit must be integer"),
        ("limit=null", "request/query/limit must be integer"),
        ("limit=Infinity", "request/query/limit must be integer"),
        ("limit=1&limit=2", "request/query/limit must be integer"),
        ("limit[a]=1", "request/query/limit must be integer"),
        ("limit=-1&offset=x", "request/query/limit must be >= 0"),
        ("limit=", "Empty value found for query parameter 'limit'"),
        ("limit", "Empty value found for query parameter 'limit'"),
        ("foo=1", "Unknown query parameter 'foo'"),
        ("foo", "Unknown query parameter 'foo'"),
        ("a[b]=1", "Unknown query parameter 'a'"),
        ("cursor=", "Empty value found for query parameter 'cursor'"),
        ("mode=c", "request/query/mode must be equal to one of the allowed values: a, b"),
        ("mode=a&mode=b", "request/query/mode must be string"),
    ],
)
def test_a_wrong_parameter_is_named(validator: OpenApiValidator, query: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check(validator, f"/things?{query}")
    assert caught.value.message == message


def test_a_required_parameter_that_is_missing_is_named(validator: OpenApiValidator) -> None:
    with pytest.raises(InputError, match=r"^request/query must have required property 'facet'$"):
        check(validator, "/facets")
    assert check(validator, "/facets?facet=kind") == {"facet": ["kind"]}


GOOD = {"name": "ab", "values": {}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": 2}, "request/body/values must be object"),
        ({"values": {"a": 1}}, "request/body/values/a must be string"),
        ({"values": {"a/b~": 1}}, "request/body/values/a~1b~0 must be string"),
        ({"name": "a"}, "request/body/name must NOT have fewer than 2 characters"),
        ({"count": "1"}, "request/body/count must be number"),
        ({"count": True}, "request/body/count must be number"),
        ({"count": 6}, "request/body/count must be <= 5"),
        ({"kind": "z"}, "request/body/kind must be equal to one of the allowed values: x, y"),
        ({"other": 1}, "request/body must NOT have additional properties"),
        ({"inner": {"name": "ab"}}, "request/body/inner must have required property 'values'"),
        (
            {"either": 1},
            ", ".join(
                f"request/body/either must {what}" for what in ("be string", "be array", "match a schema in anyOf")
            ),
        ),
    ],
)
def test_a_wrong_body_is_described(validator: OpenApiValidator, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check(validator, "/things", GOOD | change, media_type="application/json")
    assert caught.value.message == message


@pytest.mark.parametrize("change", [{}, {"count": 1.5}, {"either": [1]}, {"maybe": None}, {"inner": GOOD}])
def test_a_right_body_passes(validator: OpenApiValidator, change: dict[str, Any]) -> None:
    assert check(validator, "/things", GOOD | change, media_type="application/json; charset=utf-8") == {}


@pytest.mark.parametrize(("body", "words"), [([], "must be object"), ({}, "must have required property 'name'")])
def test_a_body_of_another_shape_is_described(validator: OpenApiValidator, body: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"^request/body {words}$"):
        check(validator, "/things", body, media_type="application/json")


def test_a_body_of_another_media_type_is_refused_where_one_is_needed(validator: OpenApiValidator) -> None:
    with pytest.raises(InputError, match=r"^unsupported media type text/plain$"):
        check(validator, "/things", {}, media_type="text/plain")
    with pytest.raises(InputError, match=r"^unsupported media type undefined$"):
        check(validator, "/things", {}, path="/things")
    assert check(validator, "/things/{id}", {}, path="/things/{id}") == {}
    with pytest.raises(InputError, match=r"^unsupported media type text/plain$"):
        check(validator, "/things/{id}", {}, media_type="text/plain")


def test_an_undocumented_operation_is_not_checked(validator: OpenApiValidator) -> None:
    assert check(validator, "/elsewhere?a=1") == {"a": "1"}
