"""What is bundled about actions is what the actions say of themselves."""

import json

from backstage_py import bundled
from backstage_py.lint.actions import bundled_catalogue
from backstage_py.model.npm_jsonschema import compile_schema
from backstage_py.plugin import load_actions


def test_bundled_list_of_our_actions_is_current() -> None:
    current = sorted(
        (
            one.describe() | {"examples": [], "description": one.description}  # whatever is installed here
            for one in load_actions()
        ),
        key=lambda one: str(one["id"]),
    )
    assert bundled.schema("builtin-actions") == json.loads(json.dumps(current)), (
        "write it anew: python -m backstage_py.cli.local.known_actions > schemas/builtin-actions.json"
    )


def test_descriptions_of_the_community_are_schemas() -> None:
    for one in bundled.schema("community-actions"):
        assert set(one) == {"id", "description", "schema"}, one["id"]
        for schema in one["schema"].values():
            compile_schema(schema)
            assert schema["type"] == "object"
            assert set(schema.get("required", ())) <= set(schema["properties"]), one["id"]


def test_our_own_description_wins_over_the_community_one() -> None:
    ours = {one.id for one in load_actions()}

    assert {bundled_catalogue().actions[one].origin for one in ours} == {"builtin"}
