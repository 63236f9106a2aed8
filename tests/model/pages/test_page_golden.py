"""Forms whose resolution Backstage's own function gave; runs without Node."""

import json
from pathlib import Path

import pytest

from backstage_py.model import parameter_pages
from backstage_py.model.json import Json

_TABLE = Path(__file__).parents[2] / "golden" / "pages" / "pages.json"
_CASES = json.loads(_TABLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_pages_and_values_are_those_of_backstage(case: dict[str, Json]) -> None:
    found = parameter_pages.shown(case["pages"], case["values"])
    assert {"visible": list(found.visible), "values": found.values} == case["answer"]
