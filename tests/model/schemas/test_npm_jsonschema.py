"""The expected texts were produced by the npm package ``jsonschema`` 1.5.0 for the same schema and value."""

from typing import Any

import pytest

from backstage_py.model.npm_jsonschema import SchemaProblem, compile_schema, validate

CASES: list[tuple[Any, Any, list[str]]] = [
    ({"type": "string"}, 3, ["instance is not of a type(s) string"]),
    ({"type": ["string", "null"]}, 3, ["instance is not of a type(s) string,null"]),
    ({"type": "integer"}, 1.5, ["instance is not of a type(s) integer"]),
    ({"type": "number"}, True, ["instance is not of a type(s) number"]),
    ({"type": "unknown"}, 3, []),
    ({"enum": ["a", 1, None, True, {}]}, "b", ["instance is not one of enum values: a,1,null,true,[object Object]"]),
    ({"enum": [1]}, True, ["instance is not one of enum values: 1"]),
    ({"const": {"a": [1]}}, {"a": [1]}, []),
    ({"const": 1e21}, 1, ["instance does not exactly match expected constant: 1e+21"]),
    ({"enum": [1e20, 1e-7]}, 1, ["instance is not one of enum values: 100000000000000000000,1e-7"]),
    ({"const": "x"}, "y", ["instance does not exactly match expected constant: x"]),
    ({"required": ["a", "b"]}, {"a": None}, ['instance requires property "b"']),
    ({"properties": {"a": {"required": True}}}, {}, ["instance.a is required"]),
    (
        {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
        {"a": 1, "b": 2, "c d": 3},
        [
            "instance.a is not of a type(s) string",
            'instance is not allowed to have the additional property "b"',
            'instance is not allowed to have the additional property "c d"',
        ],
    ),
    ({"additionalProperties": {"type": "number"}}, {"a.b": "x"}, ['instance["a.b"] is not of a type(s) number']),
    (
        {"patternProperties": {"^x": {"type": "number"}}, "additionalProperties": False},
        {"xa": "s", "y": 1},
        ["instance.xa is not of a type(s) number", 'instance is not allowed to have the additional property "y"'],
    ),
    ({"items": {"type": "string"}}, ["a", 1], ["instance[1] is not of a type(s) string"]),
    ({"items": [{"type": "string"}], "additionalItems": False}, ["a", 1], ["instance additionalItems not permitted"]),
    ({"contains": {"const": 1}}, [2], ["instance must contain an item matching given schema"]),
    ({"minItems": 2, "maxItems": 1}, [1], ["instance does not meet minimum length of 2"]),
    ({"uniqueItems": True}, [1, {"a": 1}, {"a": 1}], ["instance contains duplicate item"]),
    ({"minLength": 3, "maxLength": 4}, "ab", ["instance does not meet minimum length of 3"]),
    ({"maxLength": 2}, "😀😀", []),
    ({"pattern": "^[a-z]+$"}, "A\n", ['instance does not match pattern "^[a-z]+$"']),
    ({"pattern": "^(?!bad)\\w+$"}, "bad1", ['instance does not match pattern "^(?!bad)\\\\w+$"']),
    ({"pattern": "^\\u0061\\/$"}, "a/", []),
    ({"minimum": 3}, 2, ["instance must be greater than or equal to 3"]),
    ({"minimum": 3, "exclusiveMinimum": True}, 3, ["instance must be greater than 3"]),
    ({"exclusiveMaximum": 3.5}, 3.5, ["instance must be strictly less than 3.5"]),
    ({"multipleOf": 0.1}, 0.35, ["instance is not a multiple of (divisible by) 0.1"]),
    ({"multipleOf": 0.1}, 0.3, []),
    ({"minProperties": 2}, {"a": 1}, ["instance does not meet minimum property length of 2"]),
    ({"propertyNames": {"pattern": "^a"}}, {"b": 1}, ['instance does not match pattern "^a"']),
    ({"not": {"type": "string"}}, "x", ["instance is of prohibited type [object Object]"]),
    (
        {"anyOf": [{"type": "string"}, {"title": "N", "type": "number"}]},
        None,
        ['instance is not any of [subschema 0],"N"'],
    ),
    (
        {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        "x",
        ["instance is not exactly one from [subschema 0],[subschema 1]"],
    ),
    (
        {"allOf": [{"type": "string"}, {"$id": "n", "type": "number"}]},
        True,
        [
            "instance does not match allOf schema [subschema 0] with 1 error[s]:",
            "instance is not of a type(s) string",
            "instance does not match allOf schema n with 1 error[s]:",
            "instance is not of a type(s) number",
        ],
    ),
    (
        {"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"required": ["c"]}},
        {"a": 1},
        ['instance requires property "b"'],
    ),
    ({"dependencies": {"a": ["b"]}}, {"a": 1}, ["instance property b not found, required by instance.a"]),
    (
        {"dependencies": {"a": {"required": ["c"]}}},
        {"a": 1},
        ["instance does not meet dependency required by instance.a", 'instance.a requires property "c"'],
    ),
    ({"format": "email"}, "x", ['instance does not conform to the "email" format']),
    ({"format": "uri"}, "https://a b", ['instance does not conform to the "uri" format']),
    ({"format": "made-up"}, "x", []),
    ({"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}}, 1, ["instance is not of a type(s) string"]),
    (
        {"properties": {"child": {"$ref": "#"}}, "required": ["n"]},
        {"n": 1, "child": {"n": 2, "child": {}}},
        ['instance.child.child requires property "n"'],
    ),
    (False, 1, ["instance is not of a type(s) "]),
    (True, 1, []),
]


@pytest.mark.parametrize(("schema", "value", "expected"), CASES)
def test_problems_have_the_wording_and_order_of_the_npm_package(schema: Any, value: Any, expected: list[str]) -> None:
    assert [str(problem) for problem in validate(value, schema)] == expected


def test_a_problem_as_json_has_the_packages_members() -> None:
    [problem] = validate({"a": {"b": [1]}}, {"properties": {"a": {"properties": {"b": {"items": {"type": "string"}}}}}})
    assert problem.as_json() == {
        "path": ["a", "b", 0],
        "property": "instance.a.b[0]",
        "message": "is not of a type(s) string",
        "schema": {"type": "string"},
        "instance": 1,
        "name": "type",
        "argument": ["string"],
        "stack": "instance.a.b[0] is not of a type(s) string",
    }


def test_a_missing_value_has_no_instance_and_a_named_schema_is_named() -> None:
    [missing] = validate({}, {"properties": {"a": {"required": True, "$id": "named"}}})
    assert "instance" not in missing.as_json()
    assert missing.as_json()["schema"] == "named"


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/nope"}, {"$ref": "other.json"}, {"$ref": "#/a", "a": {"$ref": "#/a"}}, {"properties": {"a": None}}],
)
def test_a_schema_that_cannot_be_used_says_so(schema: Any) -> None:
    with pytest.raises(SchemaProblem):
        compile_schema(schema).problems({"a": 1})
