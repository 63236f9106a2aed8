"""Renaming of steps and parameters: § marks where the cursor stands."""

import pytest

from backstage_py.errors import InputError
from backstage_py.lint import outline, renaming
from backstage_py.lint.actions import bundled_catalogue
from backstage_py.lint.fixes.edits import apply

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  parameters:
    - title: About
      required: [name, cloud]
      ui:order: ['name', "cloud", '*']
      properties:
        name: {type: string, title: The name}
        cloud: {type: string, enum: [aws, name]}
        group:
          type: object
          required: [name]
          properties: {name: {type: string}}
      dependencies:
        name: [cloud]
        cloud:
          oneOf:
            - properties: {cloud: {const: aws}, name: {type: string}}
              required: [name]
    - when: parameters.name == 'name'
      properties: {token: {type: string, ui:field: Secret}}
  steps:
    - id: fetch   # name
      action: fs:readdir
      if: ${{ parameters.name }}
      input:
        paths: ["${{ parameters['name'] }}", '${{ parameters.names }} name']
    - id: log-it
      action: debug:log
      input:
        message: |
          name ${{ steps.fetch.output.files }} ${{ steps['fetch'].output.files }} ${{ steps.fetch2 }}
          ${{ parameters.name | lower }} ${{ parameters.name }}
        token: ${{ secrets.token }}
  output:
    text: [{title: a, content: "${{ steps[\\"log-it\\"].output }} ${{ parameters.group.name }}"}]
"""
RENAMED_PARAMETER = (
    TEMPLATE.replace("required: [name, cloud]", "required: [app-name, cloud]")
    .replace("['name', \"cloud\"", "['app-name', \"cloud\"")
    .replace("        name: {type: string, title", "        app-name: {type: string, title")
    .replace("        name: [cloud]", "        app-name: [cloud]")
    .replace("aws}, name: {type", "aws}, app-name: {type")
    .replace("              required: [name]", "              required: [app-name]")
    .replace("parameters.name == 'name'", "parameters['app-name'] == 'name'")
    .replace("if: ${{ parameters.name }}", "if: ${{ parameters['app-name'] }}")
    .replace("${{ parameters['name'] }}", "${{ parameters['app-name'] }}")
    .replace("${{ parameters.name | lower }} ${{ ", "${{ parameters['app-name'] | lower }} ${{ ")
    .replace("parameters.name }}\n", "parameters['app-name'] }}\n")
)


def renamed(marked: str, new: str) -> str:
    before, _, after = marked.partition("§")
    text = before + after
    return apply(text, renaming.rename(text, len(before), new, bundled_catalogue()))


@pytest.mark.parametrize(
    ("spot", "new", "after"),
    [
        ("        na§me: {type: string, title", "app-name", RENAMED_PARAMETER),
        ("${{ parameters.na§me | lower", "app-name", RENAMED_PARAMETER),
        ("${{ parameters['§name", "app-name", RENAMED_PARAMETER),
        ("required: [name§, cloud]", "app-name", RENAMED_PARAMETER),
        ("when: parameters.n§ame", "app-name", RENAMED_PARAMETER),
        (
            "id: f§etch",
            "read-all",
            TEMPLATE.replace("id: fetch", "id: read-all")
            .replace("steps.fetch.", "steps['read-all'].")
            .replace("steps['fetch']", "steps['read-all']"),
        ),
        ("id: log-§it", "say", TEMPLATE.replace("log-it", "say")),
        ("{tok§en: {type", "pass", TEMPLATE.replace("{token: {", "{pass: {").replace("secrets.token", "secrets.pass")),
    ],
)
def test_every_mention_follows_and_nothing_else(spot: str, new: str, after: str) -> None:
    assert TEMPLATE.count(spot.replace("§", "")) == 1
    marked = TEMPLATE.replace(spot.replace("§", ""), spot)

    assert renamed(marked, new) == after
    assert renamed(marked.replace("\n", "\r\n"), new) == after.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("spot", "new", "message"),
    [
        ("metadata: {na§me", "other", "There is no step or parameter here"),
        ("id: f§etch", "log-it", 'There is a step "log-it" already'),
        ("id: f§etch", "a.b", '"a.b" cannot be a name'),
        ("id: f§etch", "it's", "cannot be a name"),
        ("        na§me: {type: string, title", "cloud", 'There is a parameter "cloud" already'),
    ],
)
def test_what_cannot_be_renamed_is_refused(spot: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        renamed(TEMPLATE.replace(spot.replace("§", ""), spot, 1), new)


def test_an_anchor_is_renamed_where_all_its_uses_mean_the_name() -> None:
    anchored = TEMPLATE.replace("if: ${{ parameters.name }}", "if: &a ${{ parameters.name }}")
    used = anchored.replace("token: ${{ secrets.token }}", "token: *a")
    spot = "        na§me: {type: string, title"

    after = renamed(used.replace(spot.replace("§", ""), spot), "other")

    assert "if: &a ${{ parameters.other }}" in after
    name = TEMPLATE.replace("- title: About", "- title: &n name").replace(
        "required: [name, cloud]", "required: [*n, cloud]"
    )
    with pytest.raises(InputError, match="cannot be renamed here"):
        renamed(name.replace(spot.replace("§", ""), spot), "other")


def test_outline_has_pages_parameters_and_steps() -> None:
    def lines(symbols: tuple[outline.Symbol, ...], depth: int = 0) -> list[str]:
        return [
            line
            for one in symbols
            for line in (f"{' ' * depth}{one.kind} {one.name} {one.detail}".rstrip(), *lines(one.children, depth + 1))
        ]

    found = outline.symbols(TEMPLATE + "---\nkind: Component\nmetadata: {name: web}\n")

    assert lines(tuple(found)) == [
        "entity example Template",
        " page About page",
        "  parameter name string",
        "  parameter cloud string",
        "  parameter group object",
        "   parameter name string",
        " page page 2 page",
        "  parameter token string",
        " step fetch fs:readdir",
        " step log-it debug:log",
        " output output",
        "entity web Component",
    ]
    step = found[0].children[2]
    assert TEMPLATE[step.name_start : step.name_end] == "fetch"
    assert TEMPLATE[step.start : step.end].startswith("id: fetch")
    assert outline.symbols("a: [\n") == []
