"""Slips that another set of held-out mistakes brought up, each with a neighbour that is none."""

import json
from pathlib import Path

import pytest

from backstage_py import extras
from backstage_py.lint.actions import KnownAction, bundled_catalogue
from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.model import yaml

HEAD = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\n"
SPEC = "spec:\n  type: service\n  owner: team-a\n"
LOG = "  steps:\n    - id: log\n      action: debug:log\n      input: {message: '${{ parameters | dump }}'}\n"


def codes(folder: Path, text: str, name: str = "template.yaml") -> set[str]:
    (folder / name).write_text(text, encoding="utf-8")
    return {one.code for one in check_paths([folder], Options(), workers=1)}


@pytest.mark.parametrize("start", ["", "# ours\n", "---\n"])
def test_a_template_that_is_written_as_json_is_checked(tmp_path: Path, start: str) -> None:
    value = yaml.load_all(HEAD + SPEC + LOG.replace("debug:log", "debug:lgo"))[0].value

    assert codes(tmp_path, start + json.dumps(value, indent=2)) == {"BPY201"}


FORM = "  parameters:\n    properties:\n      name:\n        type: string\n"


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("        enum: [a, b]\n        default: a\n", "        enum: [a, b]\n        default: c\n", "BPY508"),
        ("        enum: [a]\n", "        enum: [a]\n        items: {type: string}\n", "BPY510"),
        ("        enum: [a]\n", "        enum: [a]\n        properties: {b: {type: string}}\n", "BPY510"),
        (
            "        oneOf: [{const: a}, {const: b}]\n        default: a\n",
            "        oneOf: [{const: a}, {const: b}]\n        default: c\n",
            "BPY508",
        ),
        ("        ui:widget: textarea\n        ui:options: {rows: 3}\n",
         "        ui:widget: textarea\n        ui:options: {row: 3}\n", "BPY506"),
        ("      tags: {type: array, items: {enum: [a], enumNames: [A]}}\n",
         "      tags: {type: array, items: {enum: [a], enumNames: [A, B]}}\n", "BPY509"),
        ("    if: {required: [name]}\n    then: {required: [name]}\n",
         "    iff: {required: [name]}\n    then: {required: [name]}\n", "BPY525"),
        ("    ui:order: [name, '*']\n", "    ui:order: []\n", "BPY526"),
        ("  EXPERIMENTAL_recovery: {EXPERIMENTAL_strategy: none}\n",
         "  EXPERIMENTAL_recovery: {EXPERIMENTAL_strategy: nothing}\n", "BPY114"),
        ("  EXPERIMENTAL_recovery: {EXPERIMENTAL_strategy: none}\n",
         "  EXPERIMENTAL_recovery: {strategy: none}\n", "BPY114"),
        ("        enum: [a]\n        ui:enumNames: [A]\n",
         "        enum: [a]\n        ui:enumNames: [A, B]\n", "BPY509"),
        ("        ui:field: EntityPicker\n        ui:options: {catalogFilter: {kind: User}}\n",
         "        ui:field: EntityPicker\n        ui:options: {catalogFilter: {kind: Usr}}\n", "BPY522"),
        ("        enum: [a]\n    allOf: [{if: {properties: {name: {const: a}}}, then: {}}]\n",
         "        enum: [a]\n    allOf: [{if: {properties: {name: {const: b}}}, then: {}}]\n", "BPY503"),
        ("  secrets: {schema: {type: object}}\n", "  secrets: {shema: {type: object}}\n", "BPY114"),
        ("  presentation: {buttonLabels: {reviewButtonText: Go}}\n",
         "  presentation: {buttonLabels: {reviewButton: Go}}\n", "BPY107"),
    ],
)  # fmt: skip
def test_slips_of_forms(tmp_path: Path, right: str, wrong: str, code: str) -> None:
    assert codes(tmp_path, HEAD + SPEC + FORM + right + LOG) == set()
    assert codes(tmp_path, HEAD + SPEC + FORM + wrong + LOG) == {code}


COMPONENT = """apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: web
  annotations: {%s}
spec: {type: service, lifecycle: production, owner: team-a, dependsOn: [%s]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: web-db2}
spec: {type: database, owner: team-a}
"""


@pytest.mark.parametrize(
    "annotation",
    [
        "gitea.com/project-slug: acme/web",
        "github.com/project-slug: '{{ owner }}'",
        "backstage.io/techdocs-ref: 'url:https://github.com/acme/web'",
        "backstage.io/owner-note: free",
        "gitlab.com/project-slug: acme/tools/web",
    ],
)
def test_annotations_of_others_are_left_alone(tmp_path: Path, annotation: str) -> None:
    assert codes(tmp_path, COMPONENT % (annotation, ""), "catalog-info.yaml") <= {"BPY003"}


def test_counted_names_are_no_slips_of_each_other(tmp_path: Path) -> None:
    assert codes(tmp_path, COMPONENT % ("", "'resource:web-db1'"), "catalog-info.yaml") == set()
    assert codes(tmp_path, COMPONENT % ("", "'resource:wb-db2'"), "catalog-info.yaml") <= {"BPY120"}


def test_a_missing_extra_is_noted_once() -> None:
    needs = extras.needs("kubernetes")
    lacking = [KnownAction(one, "builtin", unavailable=f"{one} {needs}") for one in ("acme:one", "acme:two")]
    steps = "  steps:\n" + "".join(f"    - {{id: {one}, action: 'acme:{one}'}}\n" for one in ("one", "two"))

    problems = check_text(HEAD + SPEC + steps, "template.yaml", Options(bundled_catalogue().with_actions(lacking)))

    assert [one.line for one in problems if one.code == "BPY208"] == [8]
