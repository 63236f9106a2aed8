"""The kept table of texts and values, as the JS package `yaml` 2.9.1 answered them; runs without Node."""

import pytest

from backstage_py.model.json import Json
from backstage_py.model.yaml import dump, fast, load_all
from tests.model.yaml.agreement import difference
from tests.oracle.node import Oracle
from tests.oracle.record import first_errors, table

PARSE = table("parse")
STRINGIFY = table("stringify")


@pytest.mark.thorough(sample=365)
@pytest.mark.parametrize("case", PARSE, ids=lambda case: repr(case["text"])[:60])
@pytest.mark.parametrize("libyaml", [True, False], ids=["quick", "exact"])
def test_a_text_reads_as_in_backstage(case: dict[str, Json], monkeypatch: pytest.MonkeyPatch, libyaml: bool) -> None:
    if not libyaml:
        monkeypatch.setattr(fast, "available", lambda: False)
    documents = load_all(case["text"])
    assert difference(documents, case["documents"]) is None
    for ours, theirs in zip(documents, case["documents"], strict=True):
        if "error" in theirs:
            assert str(ours.errors[0]) == theirs["error"]
            break


@pytest.mark.parametrize("case", STRINGIFY, ids=lambda case: repr(case["value"])[:60])
def test_a_value_is_written_as_in_backstage(case: dict[str, Json]) -> None:
    assert dump(case["value"]) == case["text"]


@pytest.mark.node
def test_the_table_is_what_the_js_package_says(yaml_oracle: Oracle) -> None:
    parsed = yaml_oracle.ask_all({"op": "parse", "text": case["text"]} for case in PARSE)
    assert [first_errors(answer["documents"]) for answer in parsed] == [case["documents"] for case in PARSE]
    written = yaml_oracle.ask_all({"op": "stringify", "value": case["value"]} for case in STRINGIFY)
    assert [answer["text"] for answer in written] == [case["text"] for case in STRINGIFY]
