"""The options of the JS package `yaml`, compared with it on generated values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.model.json import Json
from backstage_py.model.yaml import Style, dump
from tests.model.yaml.test_yaml_differential import VALUES
from tests.oracle.node import Oracle

TEXT_TYPES = ["PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE", "BLOCK_FOLDED", "BLOCK_LITERAL"]
CHOICES: dict[str, tuple[str, list[Json]]] = {
    "block_quote": ("blockQuote", [True, False, "folded", "literal"]),
    "collection_style": ("collectionStyle", ["any", "block", "flow"]),
    "default_key_type": ("defaultKeyType", [None, *TEXT_TYPES]),
    "default_string_type": ("defaultStringType", TEXT_TYPES),
    "directives": ("directives", [True, False, None]),
    "double_quoted_as_json": ("doubleQuotedAsJSON", [True, False]),
    "double_quoted_min_multi_line_length": ("doubleQuotedMinMultiLineLength", [0, 10, 40, 200]),
    "false_str": ("falseStr", ["no", "False"]),
    "flow_collection_padding": ("flowCollectionPadding", [True, False]),
    "indent": ("indent", [1, 2, 3, 4, 8]),
    "indent_seq": ("indentSeq", [True, False]),
    "line_width": ("lineWidth", [-1, 0, 40, 80, 120]),
    "min_content_width": ("minContentWidth", [0, 5, 20]),
    "null_str": ("nullStr", ["~", "null"]),
    "single_quote": ("singleQuote", [True, False, None]),
    "true_str": ("trueStr", ["yes"]),
}
STYLES = st.fixed_dictionaries({}, optional={name: st.sampled_from(found[1]) for name, found in CHOICES.items()})


@pytest.mark.node
@given(VALUES, STYLES)
def test_generated_values_are_written_the_same_in_every_style(
    yaml_oracle: Oracle, value: Json, style: dict[str, Json]
) -> None:
    options = {CHOICES[name][0]: setting for name, setting in style.items()}
    theirs = yaml_oracle.ask({"op": "stringify", "value": value, "options": options})["text"]
    assert dump(value, Style(**style)) == theirs


@given(VALUES, st.sampled_from([0, 80]))
def test_in_brackets_and_quoted_as_json_it_is_json(value: Json, width: int) -> None:
    style = Style(
        collection_style="flow", default_string_type="QUOTE_DOUBLE", double_quoted_as_json=True, line_width=width
    )
    assert json.loads(dump(value, style), parse_int=float) == json.loads(json.dumps(value), parse_int=float)


@pytest.mark.parametrize("indent", [0, -1, 1.5])
def test_a_level_is_indented_by_whole_spaces(indent: float) -> None:
    with pytest.raises(ValueError, match="whole number above 0"):
        Style(indent=indent)  # type: ignore[arg-type]  # what a template may pass
