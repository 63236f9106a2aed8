"""Generated schemas and values, checked here and by the npm packages that Backstage installs."""

import pytest
from hypothesis import given

from backstage_py.model.json import Json
from tests.model.schemas import grammar
from tests.model.schemas.agreement import ajv_answer, ajv_said, difference, npm_answer
from tests.oracle.node import Oracle

pytestmark = pytest.mark.node


def assert_npm_agrees(oracle: Oracle, schema: Json, value: Json) -> None:
    case = {"op": "jsonschema", "schema": schema, "value": value}
    found = difference(case, npm_answer(schema, value), oracle.ask(case))
    assert found is None, found


@given(grammar.schemas(), grammar.VALUES)
def test_forms_get_what_jsonschema_says(schema_oracle: Oracle, schema: Json, value: Json) -> None:
    assert_npm_agrees(schema_oracle, schema, value)


@given(grammar.schemas(hostile=True), grammar.ANYTHING)
def test_schemas_that_are_none_get_what_jsonschema_says(schema_oracle: Oracle, schema: Json, value: Json) -> None:
    assert_npm_agrees(schema_oracle, schema, value)


@given(grammar.formatted())
def test_formats_are_those_of_jsonschema(schema_oracle: Oracle, case: tuple[Json, Json]) -> None:
    assert_npm_agrees(schema_oracle, *case)


@given(grammar.patterned())
def test_patterns_match_as_in_jsonschema(schema_oracle: Oracle, case: tuple[Json, Json]) -> None:
    assert_npm_agrees(schema_oracle, *case)


@given(grammar.ajv_cases())
def test_requests_get_what_ajv_says(schema_oracle: Oracle, case: dict[str, Json]) -> None:
    found = difference(case, ajv_answer(case), ajv_said(case, schema_oracle.ask({"op": "ajv", **case})))
    assert found is None, found


@pytest.mark.thorough
@given(grammar.ajv_cases())
def test_entities_get_the_first_problem_of_ajv(schema_oracle: Oracle, case: dict[str, Json]) -> None:
    case = {**case, "all": True}
    found = difference(case, ajv_answer(case), ajv_said(case, schema_oracle.ask({"op": "ajv", **case})))
    assert found is None, found
