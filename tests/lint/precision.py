"""A template in which nothing is wrong, to be filled with steps, and the errors that are found in it."""

import textwrap

from backstage_py.lint.check import check_text
from backstage_py.model.problem import Problem

HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
PARAMETERS = """\
parameters:
  - title: First
    required: [name, repoUrl]
    properties:
      name: {type: string, ui:autofocus: true, ui:options: {rows: 5}}
      owner:
        type: string
        ui:field: OwnerPicker
        ui:options: {allowedKinds: [Group], catalogFilter: [{kind: Group}]}
      things: {type: array, items: {type: string}}
      flag: {type: boolean, ui:widget: radio}
      size: {type: string, enum: [small, large], enumNames: [Small, Large], default: small}
      count: {type: number, default: 1}
      choice: {type: string, enum: ["true", "false"]}
      repoUrl:
        type: string
        ui:field: RepoUrlPicker
        ui:options: {allowedHosts: [github.com], requestUserCredentials: {secretsKey: USER_OAUTH_TOKEN}}
    dependencies:
      flag:
        oneOf:
          - properties: {flag: {const: true}, more: {type: string}}
            required: [more]
          - properties: {flag: {const: false}}
    allOf:
      - if: {properties: {size: {const: large}}}
        then: {properties: {replicas: {type: number}}, required: [replicas]}
"""


def template(steps: str, *, parameters: str = PARAMETERS, output: str = "") -> str:
    return HEAD + textwrap.indent(
        parameters + "steps:\n" + textwrap.indent(textwrap.dedent(steps), "  ") + output, "  "
    )


def errors(text: str) -> list[Problem]:
    return [problem for problem in check_text(text, "template.yaml") if problem.severity == "error"]
