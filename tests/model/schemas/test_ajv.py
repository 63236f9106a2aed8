"""What Ajv says where a generated case seldom leads, above all to a wrong type within ``anyOf`` and what follows."""

import pytest

from backstage_py.model.json import Json, JsonObject
from tests.model.schemas.agreement import ajv_answer, ajv_said, difference
from tests.oracle.node import Oracle

NAMED: JsonObject = {"anyOf": [{"$ref": "#/definitions/a"}]}


@pytest.mark.thorough(sample=6)
@pytest.mark.parametrize(
    ("schema", "value", "keywords"),
    [
        ({"anyOf": [{"type": "string", "anyOf": [False]}]}, None, "type, false schema, anyOf, anyOf"),
        ({"anyOf": [{"type": "string", "const": 1, "enum": [2]}]}, None, "type, const, anyOf"),
        ({"anyOf": [{"type": ["string", "boolean"], "minimum": 5}]}, 3, "type, anyOf"),
        ({"anyOf": [{"type": "boolean", "minLength": 5, "const": 4}]}, 3, "type, const, anyOf"),
        ({"anyOf": [{"type": "string", "minLength": 5, "const": 4}]}, 3, "const, anyOf"),
        ({"oneOf": [{"properties": {"a": {"type": "string", "const": 1}}}]}, {"a": 2}, "type, const, oneOf"),
        ({**NAMED, "definitions": {"a": False}}, 1, "false schema, anyOf"),
        ({"minimum": 1e16}, 1, "minimum"),
        ({"allOf": [{"type": "string", "const": 1}]}, 2, "type"),
        ({**NAMED, "definitions": {"a": {"type": "string", "const": 1}}}, 2, "type, const, anyOf"),
        ({**NAMED, "definitions": {"a": {"type": "string", "const": 1, "items": {"$ref": "#"}}}}, 2, "type, anyOf"),
        (
            {**NAMED, "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"type": "string", "const": 1}}},
            2,
            "type, const, anyOf",
        ),
        ({**NAMED, "definitions": {"a": {"type": "string", "const": {"$ref": 1}}}}, 2, "type, anyOf"),
    ],
)
@pytest.mark.node
def test_problems_are_those_of_ajv(schema_oracle: Oracle, schema: Json, value: Json, keywords: str) -> None:
    case: dict[str, Json] = {"schema": schema, "others": [], "value": value}
    answer = ajv_answer(case)
    assert ", ".join(one["keyword"] for one in answer["problems"]) == keywords
    found = difference(case, answer, ajv_said(case, schema_oracle.ask({"op": "ajv", **case})))
    assert found is None, found
