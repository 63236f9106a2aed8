"""What an editor is told about a place; the place is marked with § in the text."""

import pytest

from backstage_py.lint.actions import bundled_catalogue
from backstage_py.lint.editing import Editing, Spot

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  parameters:
    - properties:
        name:
          type: string
          description: What it is called
  steps:
    - id: publish
      name: Publish
      action: publish:github
      input:
        repoUrl: github.com?owner=o&repo=r
        description: PLACE
    - id: next-step
      action: debug:log
      input:
        message: hello
"""


def editing(text: str) -> tuple[Editing, Spot]:
    before, _, after = text.partition("§")
    spot = Spot(before.count("\n"), len(before) - before.rfind("\n") - 1)
    return Editing(before + after, bundled_catalogue()), spot


def labels(text: str) -> list[str]:
    made, spot = editing(text)
    return [one.label for one in made.completions(spot)]


@pytest.mark.parametrize(
    ("place", "offered"),
    [
        ("${{ parameters.§ }}", ["name"]),
        ("${{ parameters.§", ["name"]),
        ("${{ parameters['§", ["name"]),
        ("${{ steps.§ }}", ["publish", "next-step"]),
        ("${{ steps['next-§", ["publish", "next-step"]),
        ("${{ steps.publish.§ }}", ["output"]),
        ("${{ steps.publish.output.§ }}", ["remoteUrl", "repoContentsUrl", "commitHash"]),
        ("x ${{ user.§ }}", ["entity", "ref"]),
        ("${{ each.§ }}", ["key", "value"]),
    ],
)
def test_members_are_offered_in_expressions(place: str, offered: list[str]) -> None:
    assert labels(TEMPLATE.replace("PLACE", place)) == offered


def test_roots_and_filters_are_offered() -> None:
    assert {"parameters", "steps", "user"} <= set(labels(TEMPLATE.replace("PLACE", "${{ §")))
    assert {"lower", "parseRepoUrl"} <= set(labels(TEMPLATE.replace("PLACE", "${{ parameters.name | §")))


PAGES = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  parameters:
    - properties:
        cloud:
          type: string
    - title: More
      PLACE
      properties: {}
  steps: []
"""


@pytest.mark.parametrize(
    "place", ["when: parameters.§", "when: ${{ parameters.§", "when: 'parameters['§", "when: parameters.cl§"]
)
def test_conditions_of_pages_know_parameters(place: str) -> None:
    assert labels(PAGES.replace("PLACE", place)) == ["cloud"]


def test_conditions_of_pages_know_the_language_alone() -> None:
    assert labels(PAGES.replace("PLACE", "when: §")) == ["cycler", "joiner", "parameters", "range"]
    filters = labels(PAGES.replace("PLACE", "when: parameters.cloud | §"))
    assert "lower" in filters
    assert "parseRepoUrl" not in filters


def test_keys_of_a_page_are_offered() -> None:
    assert "when" in labels(PAGES.replace("PLACE", "wh§"))
    assert "properties" not in labels(PAGES.replace("PLACE", "wh§"))
    alone = PAGES.replace("    - properties:", "      properties:").replace("    - title: More\n      PLACE", "      §")
    assert "when" not in labels(alone.replace("properties: {}", ""))


def test_a_condition_leads_to_the_parameter() -> None:
    made, spot = editing(PAGES.replace("PLACE", "when: parameters.cl§oud == 'AWS'"))
    found = made.definition(spot)
    assert found is not None
    assert made.text.split("\n")[found.line] == "        cloud:"
    assert (made.hover(spot) or "").startswith("parameter `cloud` (string)")


def test_actions_fields_and_types_are_offered() -> None:
    assert "fetch:template" in labels(TEMPLATE.replace("action: debug:log", "action: §"))
    assert "RepoUrlPicker" in labels(TEMPLATE.replace("type: string", "type: string\n          ui:field: §"))
    assert "boolean" in labels(TEMPLATE.replace("type: string", "type: §"))


def test_inputs_that_are_not_written_yet_are_offered() -> None:
    offered = labels(TEMPLATE.replace("description: PLACE\n", "§\n"))

    assert "defaultBranch" in offered
    assert "repoUrl" not in offered


def test_keys_of_a_step_are_offered() -> None:
    assert set(labels(TEMPLATE.replace("      name: Publish\n", "      name: Publish\n      §\n"))) == {
        "each",
        "if",
        "backstage:permissions",
    }


def test_nothing_is_offered_in_plain_text() -> None:
    assert labels(TEMPLATE.replace("PLACE", "some words §")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("publish:github", "publish:§github", "**publish:github** (builtin)"),
        ("repoUrl:", "repo§Url:", "`repoUrl` (string) of publish:github"),
        ("PLACE", "${{ parameters.na§me }}", "parameter `name` (string)\n\nWhat it is called"),
        ("PLACE", "${{ steps['pub§lish'].output.x }}", "step `publish` (publish:github)"),
    ],
)
def test_hover_explains(old: str, new: str, expected: str) -> None:
    made, spot = editing(TEMPLATE.replace(old, new, 1))

    text = made.hover(spot)

    assert text is not None
    assert text.startswith(expected)


@pytest.mark.parametrize(
    ("place", "line"),
    [("${{ steps['next-§step'].output.x }}", "    - id: next-step"), ("${{ parameters.§name }}", "        name:")],
)
def test_definition_is_found(place: str, line: str) -> None:
    made, spot = editing(TEMPLATE.replace("PLACE", place))

    found = made.definition(spot)

    assert found is not None
    assert made.text.split("\n")[found.line] == line


def test_text_that_is_no_template_has_no_answers() -> None:
    made, spot = editing("a: ${{ parameters.§ }}\n")

    assert (made.completions(spot), made.hover(spot), made.definition(spot)) == ([], None, None)
