"""Writes generated cases with Node's answers to `tests/golden/schemas`: `python -m tests.model.schemas.record`."""

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstage_py.model.json import Json
from tests.model.schemas import grammar
from tests.model.schemas.agreement import Case, ajv_said
from tests.oracle.node import Oracle

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "schemas"
_LONGEST = 600
_EACH = 60

_KNOWN: list[tuple[Json, Json]] = [
    ({"dependencies": {"b": {"oneOf": "wrong"}}, "properties": {"b": {}}}, {"b": 1}),
    ({"required": [{}]}, {}),
    ({"dependencies": 5}, {"a": 1}),
    ({"dependencies": {"a": 5}}, {"a": 1}),
    ({"properties": {"a": None}}, {}),
    ({"type": "string", "extends": {"toString": []}}, None),
    ({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/a"}}}, 1),
]


def _sample(cases: st.SearchStrategy[Case], oracle: Oracle) -> list[Case]:
    """Cases in the order in which they are generated, those that are valid a tenth at most."""
    found: list[Case] = []
    valid = 0

    @settings(
        max_examples=_EACH * 12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases)
    def collect(case: Case) -> None:
        nonlocal valid
        if len(found) >= _EACH or any(one["schema"] == case["schema"] for one in found):
            return
        answer = oracle.ask(case)
        answer = ajv_said(case, answer) if case["op"] == "ajv" else {k: v for k, v in answer.items() if k != "id"}
        is_valid = not answer.get("problems", True)
        if len(json.dumps([case, answer])) > _LONGEST or (is_valid and valid > _EACH / 10):
            return
        valid += is_valid
        found.append({**case, "answer": answer})

    collect()
    return found


def _npm(case: tuple[Json, Json]) -> Case:
    return {"op": "jsonschema", "schema": case[0], "value": case[1]}


def _ajv(case: Case) -> Case:
    return {"op": "ajv", **case}


def main() -> None:
    """Asks Node about every case."""
    oracle = Oracle("schemas.mjs")
    tables = {
        "known": st.sampled_from(_KNOWN).map(_npm),
        "forms": st.tuples(grammar.schemas(), grammar.VALUES).map(_npm),
        "hostile": st.tuples(grammar.schemas(hostile=True), grammar.ANYTHING).map(_npm),
        "formats": grammar.formatted().map(_npm),
        "patterns": grammar.patterned().map(_npm),
        "ajv": grammar.ajv_cases().map(_ajv),
    }
    for name, cases in tables.items():
        lines = ",\n".join(json.dumps(case) for case in _sample(cases, oracle))
        (GOLDEN / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    oracle.close()


if __name__ == "__main__":
    main()
