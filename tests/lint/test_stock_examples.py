"""The examples that Backstage's own actions publish, against the schemas that a real Backstage answered with."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from backstage_py.lint.check import check_text
from backstage_py.model import yaml
from backstage_py.model.json import Json, JsonObject

RECORDING = Path(__file__).parents[1] / "contract" / "kit" / "recordings" / "1.57.1" / "012-actions.json"
HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)


def listing() -> list[JsonObject]:
    answered: list[JsonObject] = json.loads(RECORDING.read_text(encoding="utf-8"))["response"]["body"]
    return answered


def examples() -> Iterator[tuple[str, str]]:
    for action in listing():
        for number, one in enumerate(action.get("examples") or ()):
            yield f"{action['id']} {number}", one["example"]


def accepted(steps: Json, schemas: dict[str, JsonObject]) -> bool:
    """Whether the schemas of the real Backstage accept the inputs as written."""
    return all(
        not any(True for _ in jsonschema.Draft7Validator(schemas[one["action"]]).iter_errors(one.get("input", {})))
        for one in steps
        if one["action"] in schemas
    )


@pytest.mark.thorough(sample=126)
@pytest.mark.parametrize("example", [pytest.param(text, id=name) for name, text in examples()])
def test_example_gives_errors_exactly_if_the_real_schema_refuses_it(example: str) -> None:
    schemas = {one["id"]: one["schema"]["input"] for one in listing() if one.get("schema", {}).get("input")}
    problems = check_text(HEAD + textwrap.indent(example, "  "), "template.yaml")
    errors = [problem for problem in problems if problem.severity == "error"]

    if accepted(yaml.load(example)["steps"], schemas):
        assert errors == []
    else:
        assert errors
        assert {problem.code for problem in errors} <= {"BPY202", "BPY203", "BPY204", "BPY205"}
