"""Answers and documents of this service against the OpenAPI documents that a real Backstage serves.

The documents are the recorded answers of ``/openapi.json``; they are those of the released packages. What is judged are
the answers to the recorded calls. Backstage's own answers are judged in the same way, so that a rule which Backstage
breaks itself is seen and named.
"""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft4Validator

from backstage_py.http import catalog, scaffolder
from backstage_py.model.json import Json, JsonObject
from tests.contract.harness import recorded

pytestmark = pytest.mark.xdist_group("kit")  # one replay for all of them: its port is fixed

DOCUMENTS: dict[str, JsonObject] = {
    one["name"].removesuffix("-openapi"): one["response"]["body"]
    for one in recorded("scaffolder", "catalog")
    if one["name"] in {"scaffolder-openapi", "catalog-openapi"}
}
OURS = {"scaffolder": scaffolder.document, "catalog": catalog.document}


def as_json_schema(part: Json) -> Json:
    """Return a part of a document of OpenAPI 3.0 as JSON Schema: ``nullable`` is not a word of it."""
    if isinstance(part, list):
        return [as_json_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    plain = {key: as_json_schema(value) for key, value in part.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") is True else plain


def operation(plugin: str, call: JsonObject) -> JsonObject | None:
    """Return the operation that a recorded call asks for."""
    path = urlsplit(call["request"]["path"]).path
    fitting = [
        (template, item)
        for template, item in DOCUMENTS[plugin]["paths"].items()
        if re.fullmatch(re.sub(r"\\?\{\w+\\?\}", "[^/]+", re.escape(template)), path)
    ]
    fitting.sort(key=lambda found: found[0].count("{"))
    methods: JsonObject = fitting[0][1] if fitting else {}
    found: JsonObject | None = methods.get(call["request"]["method"].lower())
    return found


def problems(plugin: str, call: JsonObject, status: int, body: Json) -> list[str]:
    """Return how an answer breaks the document; ``default`` stands for each status that is not listed."""
    asked = operation(plugin, call)
    assert asked is not None
    answers = asked["responses"]
    described = answers.get(str(status), answers.get("default"))
    if described is None:
        return [f"status {status} is none of {', '.join(answers)}"]
    if "$ref" in described:
        described = DOCUMENTS[plugin]["components"]["responses"][described["$ref"].rpartition("/")[2]]
    media = described.get("content", {}).get("application/json") or {}
    whole = {"allOf": [as_json_schema(media.get("schema", {}))], "components": _components(plugin)}
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft4Validator(whole).iter_errors(body)]


_converted: dict[str, Json] = {}


def _components(plugin: str) -> Json:
    if plugin not in _converted:
        _converted[plugin] = {"schemas": as_json_schema(DOCUMENTS[plugin]["components"]["schemas"])}
    return _converted[plugin]


def recorded_body(call: JsonObject) -> Json:
    """Return what Backstage answered; the ids of events, which the recordings only name, as numbers again."""
    text = re.sub(r'"<<event-(\d+)>>"', r"\1", json.dumps(call["response"].get("body")))
    return json.loads(text)


def described_calls() -> list[tuple[str, JsonObject]]:
    return [
        (plugin, call)
        for plugin in DOCUMENTS
        for call in recorded(plugin)
        if operation(plugin, call) and call["request"]["method"] != "HEAD"
    ]


@pytest.mark.thorough(sample=8)
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("plugin", "call"), [pytest.param(*one, id=one[1]["name"]) for one in described_calls()])
def test_an_answer_fits_backstages_document_wherever_backstages_own_does(
    replayed: dict[str, Any], plugin: str, call: JsonObject
) -> None:
    own = problems(plugin, call, call["response"]["status"], recorded_body(call))
    ours = replayed[call["name"]]
    found = problems(plugin, call, ours["status"], ours["answer"])
    assert not found or own, found


@pytest.mark.thorough
def test_most_of_backstages_own_answers_fit_its_document() -> None:
    verdicts = [
        not problems(plugin, call, call["response"]["status"], recorded_body(call))
        for plugin, call in described_calls()
    ]
    assert sum(verdicts) > len(verdicts) * 0.6


@pytest.mark.parametrize("plugin", list(DOCUMENTS))
def test_our_document_has_each_operation_with_its_answers_and_parameters(plugin: str) -> None:
    theirs, ours = DOCUMENTS[plugin], OURS[plugin]()
    for path, item in theirs["paths"].items():
        for method, described in item.items():
            mine = ours["paths"][path][method]
            assert set(described["responses"]) <= set(mine["responses"]), (method, path)
            assert _parameters(theirs, described) <= _parameters(ours, mine), (method, path)
            assert mine.get("operationId") == described.get("operationId")


@pytest.mark.parametrize("plugin", list(DOCUMENTS))
def test_our_document_has_each_schema_with_its_members(plugin: str) -> None:
    theirs, ours = (document["components"]["schemas"] for document in (DOCUMENTS[plugin], OURS[plugin]()))
    for name, schema in theirs.items():
        assert set(schema.get("properties", {})) <= set(ours[name].get("properties", {})), name
        assert set(ours[name].get("required", ())) <= set(schema.get("required", ())), name


def _parameters(document: JsonObject, described: JsonObject) -> set[tuple[str, str]]:
    found = set()
    for parameter in described.get("parameters", ()):
        named = parameter
        if "$ref" in parameter:
            named = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
        found.add((named["in"], named["name"]))
    return found
