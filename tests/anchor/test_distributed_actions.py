"""A stock Backstage uses our actions, and we use its."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.anchor.harness import Pair, pair, template

GREET = template(
    "greet",
    {"id": "greet", "action": "backstage-py:acme:greet", "input": {"name": "${{ parameters.name }}"}},
    {"id": "who", "action": "backstage-py:acme:whoami", "input": {}},
    {"id": "write", "action": "backstage-py:acme:write", "input": {}},
    {
        "id": "rename",
        "action": "backstage-py:fs:rename",
        "input": {
            "files": [{"from": "made.txt", "to": "done.txt"}],
            "workspaceFiles": "${{ steps.write.output.workspaceFiles }}",
        },
    },
    output={
        "greeting": "${{ steps.greet.output.text }}",
        "caller": "${{ steps.greet.output.caller }}",
        "title": "${{ steps.who.output.title }}",
        "files": "${{ steps.rename.output.workspaceFiles }}",
    },
)
MISUSE = template("misuse", {"id": "greet", "action": "backstage-py:acme:greet", "input": {"name": ["no", "text"]}})
LOOK_UP = template(
    "look-up",
    {
        "id": "get",
        "action": "catalog:get-catalog-entity",
        "input": {"kind": "template", "name": "${{ parameters.name }}"},
    },
    output={"title": "${{ steps.get.output.metadata.title }}"},
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("pair"), GREET, MISUSE, LOOK_UP) as running:
        yield running


def listed(site: Any) -> dict[str, Any]:
    return {one["id"]: one for one in site.call("GET", "/api/scaffolder/v2/actions")}


def test_its_scaffolder_lists_our_actions_with_their_schemas(both: Pair) -> None:
    found = listed(both.backstage)
    assert found["backstage-py:acme:greet"]["description"] == "Greet somebody."
    assert found["backstage-py:acme:greet"]["schema"]["input"]["required"] == ["name"]
    assert "backstage-py:fetch:template" in found


def test_a_template_there_runs_python_as_the_user(both: Pair) -> None:
    done = both.backstage.run("template:default/greet", {"name": "Ada"})
    assert done["output"]["greeting"] == "Hello, Ada"
    assert done["output"]["caller"] == "user:development/guest"
    assert done["output"]["title"] == "The template greet"
    files = done["output"]["files"]
    assert [(file["path"], file["base64Content"]) for file in files] == [("done.txt", "bWFkZSBpbiBQeXRob24=")]


def test_an_error_of_an_action_is_readable_there(both: Pair) -> None:
    done = both.backstage.run("template:default/greet", {"name": "nobody"})
    wanted = "Request failed with 500: There is nobody to greet; give a name - Internal Server Error"
    assert done["error"]["message"] == wanted
    assert wanted in done["log"]
    done = both.backstage.run("template:default/misuse", {})
    assert "name is not of a type(s) string" in done["error"]["message"]


def test_our_scaffolder_lists_the_actions_of_its_plugins(both: Pair) -> None:
    found = listed(both.ours)
    assert found["catalog:get-catalog-entity"]["schema"]["input"]["type"] == "object"
    assert "acme:greet" in found
    assert "backstage-py:acme:greet" not in found


def test_a_template_here_uses_an_action_over_there(both: Pair) -> None:
    done = both.ours.run("template:default/look-up", {"name": "greet"})
    assert done["output"] == {"title": "The template greet"}


def test_an_error_over_there_is_readable_here(both: Pair) -> None:
    done = both.ours.run("template:default/look-up", {"name": "missing"})
    assert done["error"]["name"] == "InputError"
    assert 'No entity found with name "missing"' in done["error"]["message"]
