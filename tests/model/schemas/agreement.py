"""What it means that a validator here and one of npm agree on a case."""

import json
import math

from backstage_py.model import ajv, npm_jsonschema
from backstage_py.model.json import Json
from backstage_py.model.npm_jsonschema import SchemaProblem

Case = dict[str, Json]
Answer = dict[str, Json]
"""What the oracle says: `problems`, or that the check `failed` and with which text."""


def npm_answer(schema: Json, value: Json) -> Answer:
    """What our `npm_jsonschema` says; asked twice, since a check is kept."""
    validator = npm_jsonschema.compile_schema(schema)
    first, second = _npm_once(validator, value), _npm_once(validator, value)
    assert first == second, (schema, value)
    return first


def _npm_once(validator: npm_jsonschema.Validator, value: Json) -> Answer:
    try:
        return {"problems": [problem.as_json() for problem in validator.problems(value)]}
    except SchemaProblem as problem:
        return {"failed": problem.message}


def ajv_answer(case: Case) -> Answer:
    """What our `ajv` says; `all` asks for the first problem only, the one that the catalog shows."""
    others = {other["$id"]: other for other in case["others"]}
    try:
        found = ajv.Compiler(case["schema"], others).compile(case["schema"])(case["value"])
    except RecursionError:
        return {"failed": "Maximum call stack size exceeded"}
    problems = [
        {"instancePath": one.path, "keyword": one.keyword, "message": one.message, "params": one.values}
        for one in found
    ]
    return {"problems": problems[:1] if case.get("all") else problems}


def ajv_said(case: Case, answer: Answer) -> Answer:
    """The oracle's answer with what our problems have."""
    if "failed" in answer:
        return {"failed": answer["failed"]}
    problems = [{key: one for key, one in problem.items() if key != "schemaPath"} for problem in answer["problems"]]
    return {"problems": problems[:1] if case.get("all") else problems}


def _plain(value: Json) -> Json:
    """A value as it comes back from JSON text, with one kind of number."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return value


REVIEWED = {"Invalid capture group name": "Invalid group"}
"""Texts of exceptions that differ: our expressions do not tell a name that is none from a mark that is none."""


def _reviewed(failed: str | None) -> str | None:
    return failed and next((failed.replace(said, ours) for said, ours in REVIEWED.items() if said in failed), failed)


def difference(case: Json, ours: Answer, theirs: Answer) -> str | None:
    """How the answers differ, or None."""
    same_failure = _reviewed(ours.get("failed")) == _reviewed(theirs.get("failed"))
    here, there = _plain(ours.get("problems")), _plain(theirs.get("problems"))
    if same_failure and here == there:
        return None
    return f"{json.dumps(case)}\n  here:  {json.dumps(ours)}\n  there: {json.dumps(theirs)}"
