import pytest
from jsonschema import Draft7Validator

from backstage_py.model.json import Json
from backstage_py_actions import ACTIONS
from tests.actions.harness import REGISTRY
from tests.contract.harness import recorded

RECORDED = {
    one["id"]: one["schema"]
    for call in recorded("scaffolder")
    if call["name"] == "actions"
    for one in call["response"]["body"]
}
TEXTS = {"description", "title"}


def structure(node: Json, *, names: bool = False) -> Json:
    """A schema without its texts; a property may well be called ``description``."""
    if isinstance(node, dict):
        return {
            key: structure(value, names=key == "properties" and not names)
            for key, value in node.items()
            if names or key not in TEXTS or not isinstance(value, str)
        }
    return [structure(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("action_id", sorted(RECORDED))
def test_the_schema_is_that_of_backstage(action_id: str) -> None:
    assert structure(REGISTRY.get(action_id).describe()["schema"]) == structure(RECORDED[action_id])


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: str(action.id))
def test_an_action_is_described_with_examples_that_its_schema_accepts(action: Json) -> None:
    import yaml

    described = action.describe()
    assert described["description"]
    assert described["examples"]
    for example in described["examples"]:
        for step in yaml.safe_load(example["example"])["steps"]:
            assert step["action"] == action.id
            problems = [
                problem.message
                for problem in Draft7Validator(action.input_schema).iter_errors(step["input"])
                if "${{" not in problem.message
            ]
            assert problems == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: str(action.id))
def test_every_input_says_what_it_is(action: Json) -> None:
    schemas = action.input_schema.get("anyOf", [action.input_schema])
    for name, member in ((n, m) for schema in schemas for n, m in schema["properties"].items()):
        assert member.get("description"), f"{action.id}: {name}"
