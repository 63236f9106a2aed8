import pytest
from jsonschema import Draft7Validator

from backstage_py.model.json import Json
from tests.actions.harness import REGISTRY
from tests.contract.harness import recorded
from tests.forges.differences import HOSTS, structure, table

RECORDED = {
    one["id"]: one["schema"]
    for call in recorded("scaffolder")
    if call["name"] == "actions"
    for one in call["response"]["body"]
}


@pytest.mark.parametrize("action_id", sorted(RECORDED))
def test_the_schema_is_that_of_backstage(action_id: str) -> None:
    assert structure(REGISTRY.get(action_id).describe()["schema"]) == structure(RECORDED[action_id])


@pytest.mark.parametrize("host", ["github", *HOSTS])
def test_actions_of_a_host_have_the_schemas_of_its_module(host: str) -> None:
    for recorded_action in table(f"{host}-actions"):
        action = REGISTRY.get(recorded_action["id"])
        described = action.describe()["schema"]
        assert structure(described) == recorded_action["schema"], action.id
        assert action.supports_dry_run == recorded_action["dry"], action.id


@pytest.mark.parametrize("action", REGISTRY, ids=lambda action: str(action.id))
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


@pytest.mark.parametrize("action", REGISTRY, ids=lambda action: str(action.id))
def test_every_input_says_what_it_is(action: Json) -> None:
    schemas = action.input_schema.get("anyOf", [action.input_schema])
    for name, member in ((n, m) for schema in schemas for n, m in schema["properties"].items()):
        assert member.get("description"), f"{action.id}: {name}"
