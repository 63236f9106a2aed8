"""A sample of generated schemas and values with the answers of npm's packages; runs without Node."""

import json
from pathlib import Path

import pytest

from tests.model.schemas.agreement import ajv_answer, difference, npm_answer

_FOLDER = Path(__file__).resolve().parents[2] / "golden" / "schemas"
_TABLES = sorted(path.stem for path in _FOLDER.glob("*.json"))


def test_there_are_tables() -> None:
    assert _TABLES == ["ajv", "formats", "forms", "hostile", "known", "patterns"]


@pytest.mark.parametrize("table", _TABLES)
def test_gives_what_the_packages_gave(table: str) -> None:
    cases = json.loads((_FOLDER / f"{table}.json").read_text(encoding="utf-8"))
    assert cases
    for case in cases:
        ours = ajv_answer(case) if case["op"] == "ajv" else npm_answer(case["schema"], case["value"])
        found = difference(case, ours, case["answer"])
        assert found is None, found
