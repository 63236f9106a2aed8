"""Generated templates, rendered here and by the engine that Backstage installs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.model.json import Json
from tests.oracle.node import Oracle
from tests.templating.differential import grammar
from tests.templating.differential.agreement import ENGINE, difference

pytestmark = pytest.mark.node


AS_THE_RUNNER = {"coercion": "json"}


def assert_agreement(oracle: Oracle, case: dict[str, Json]) -> None:
    answer = ENGINE.answer({**case, "id": 1})
    found = difference(case, answer, oracle.ask(case))
    assert found is None, found


@given(grammar.values(), grammar.contexts())
def test_values_of_steps_are_the_same(template_oracle: Oracle, source: str, context: dict[str, Json]) -> None:
    case = {"mode": "value", "source": source, "context": context, "options": AS_THE_RUNNER}
    assert_agreement(template_oracle, case)


@given(grammar.tags_alone(), grammar.contexts())
def test_values_that_are_one_tag_are_the_same(template_oracle: Oracle, source: str, context: dict[str, Json]) -> None:
    case = {"mode": "value", "source": source, "context": context, "options": AS_THE_RUNNER}
    assert_agreement(template_oracle, case)


@given(grammar.values(), grammar.contexts())
def test_values_without_coercion_are_the_same(template_oracle: Oracle, source: str, context: dict[str, Json]) -> None:
    assert_agreement(template_oracle, {"mode": "value", "source": source, "context": context})


@given(grammar.bodies(), grammar.contexts(), grammar.OPTIONS)
def test_files_are_the_same(
    template_oracle: Oracle, source: str, context: dict[str, Json], options: dict[str, Json]
) -> None:
    assert_agreement(template_oracle, {"mode": "file", "source": source, "context": context, "options": options})


@given(grammar.bodies(), grammar.contexts())
def test_files_for_cookiecutter_are_the_same(template_oracle: Oracle, source: str, context: dict[str, Json]) -> None:
    template = source.replace("${{", "{{")
    case = {"mode": "file", "source": template, "context": context, "options": {"cookiecutterCompat": True}}
    assert_agreement(template_oracle, case)


@given(st.text("${}%#-| .'\"()[]abif\n\\/_1", max_size=30), grammar.contexts())
def test_heaps_of_punctuation_are_the_same(template_oracle: Oracle, text: str, context: dict[str, Json]) -> None:
    case = {"mode": "value", "source": f"${{{{ {text}", "context": context, "options": AS_THE_RUNNER}
    assert_agreement(template_oracle, case)
