"""The table of cases whose results the real nunjitsu gave; runs without Node."""

import json
import math
from pathlib import Path

import pytest

from backstage_py.templating.__main__ import Cases
from backstage_py.templating.engine import Json

_FOLDER = Path(__file__).parents[1] / "golden" / "templating"
_TABLES = sorted(path.stem for path in _FOLDER.glob("*.json"))


def _in_order(value: Json) -> Json:
    """A value whose comparison sees the order of keys and the difference of 1 and true."""
    if isinstance(value, dict):
        return [[key, _in_order(item)] for key, item in value.items()]
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    return (type(value).__name__ if isinstance(value, bool) else "", value)


def _answers(table: str) -> list[tuple[dict[str, Json], dict[str, Json]]]:
    content = json.loads((_FOLDER / f"{table}.json").read_text(encoding="utf-8"))
    cases = Cases()
    answers = []
    for case in content["cases"]:
        context = case["context"]
        filled = {**case, "context": content["contexts"][context] if isinstance(context, str) else context}
        answers.append((case, cases.answer(filled)))
    return answers


def test_there_are_tables() -> None:
    assert len(_TABLES) >= 10


@pytest.mark.parametrize("table", _TABLES)
def test_gives_what_nunjitsu_gives(table: str) -> None:
    for case, answer in _answers(table):
        expected = case["expected"]
        assert set(answer) - {"id"} == set(expected), (case, answer)
        if "value" in expected:
            assert _in_order(answer["value"]) == _in_order(expected["value"]), (case, answer)


@pytest.mark.parametrize("table", _TABLES)
def test_errors_point_at_the_line_that_nunjitsu_names(table: str) -> None:
    for case, answer in _answers(table):
        if "error" in case["expected"] and case["expected"]["error"]["line"] is not None:
            assert answer["error"]["line"] == case["expected"]["error"]["line"], (case, answer)
            assert math.isfinite(answer["error"]["column"])
