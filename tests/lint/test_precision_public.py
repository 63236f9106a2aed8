"""What templates of other organisations showed, in words of our own: repaired alarms, and mistakes now seen."""

import textwrap
from pathlib import Path

import pytest

from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.model.problem import Problem

HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
PARAMETERS = """\
parameters:
  properties:
    name: {type: string}
    port: {type: integer, default: 80}
"""
FETCH = "- id: fetch\n  action: fetch:template\n  input: {url: ./skeleton, values: {name: '${{ parameters.name }}'}}\n"


def template(steps: str, *, parameters: str = PARAMETERS, output: str = "") -> str:
    return HEAD + textwrap.indent(
        parameters + "steps:\n" + textwrap.indent(textwrap.dedent(steps), "  ") + output, "  "
    )


def found(text: str) -> list[Problem]:
    return [problem for problem in check_text(text, "template.yaml") if problem.severity != "info"]


def in_skeleton(folder: Path, files: dict[str, str]) -> list[Problem]:
    for name, content in {"template.yaml": template(FETCH), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return [problem for problem in check_paths([folder], Options()) if problem.severity != "info"]


def test_workspace_that_was_cloned_is_pushed_without_naming_the_address_again() -> None:
    steps = """\
    - id: clone
      action: azure:repo:clone
      input: {remoteUrl: 'https://dev.azure.com/acme/_git/shop', targetPath: work}
    - id: push
      action: azure:repo:push
      input: {sourcePath: work, branch: main}
    """

    assert found(template(steps)) == []


def test_actions_that_several_plugins_give_one_id_are_held_to_what_all_require() -> None:
    steps = """\
    - id: pipeline
      action: azure:pipeline:create
      input: {organization: acme, project: shop, repository: shop, pipelineName: ci, pipelineYamlFile: ci.yaml}
    """
    of_another_package = """\
    - id: pipeline
      action: azure:pipeline:create
      input: {organization: acme, project: shop, folder: team, name: ci, repositoryId: '1', yamlPath: ci.yaml}
    """

    assert found(template(steps)) == []
    assert {problem.severity for problem in found(template(of_another_package))} <= {"warning"}


def test_parameters_of_a_workflow_are_read_by_a_known_action() -> None:
    steps = """\
    - id: read
      action: orchestrator:workflow:get_params
      input: {workflow_id: greeting, indent: 4}
    - id: log
      action: debug:log
      input: {message: "${{ steps.read.output.title }}"}
    """

    assert found(template(steps)) == []


@pytest.mark.parametrize(
    "folder", ["src/${{values/name}}", "${{ values.name | replace('/', '-') }}", "{% if values.name %}a/b{% endif %}"]
)
def test_expression_in_a_path_may_not_reach_across_a_slash(folder: str, tmp_path: Path) -> None:
    problems = in_skeleton(tmp_path, {f"skeleton/{folder}/{name}.txt": "text" for name in ("one", "two")})

    assert [(one.code, one.severity) for one in problems] == [("BPY602", "error")]


def test_expressions_within_the_parts_of_a_path_are_fine(tmp_path: Path) -> None:
    path = "skeleton/${{ values.name | replace('.', '-') }}/{% if values.name %}a{% endif %}/${{ values.name }}.txt"

    assert in_skeleton(tmp_path, {path: "text"}) == []


def test_content_below_a_folder_that_does_not_render_is_still_checked(tmp_path: Path) -> None:
    problems = in_skeleton(tmp_path, {"skeleton/${{values/name}}/a.txt": "${{ values.nmae }}"})

    assert [one.code for one in problems] == ["BPY602", "BPY606"]


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ("{{ values.name }}", ["BPY610"]),
        ("{{ parameters.name }}-${{ values.name }}", ["BPY610"]),
        ("{{ .Values.name }} {{ values.elsewhere }} {{ name }}", []),
        ("{% raw %}{{ values.name }}{% endraw %}", []),
        ("${{ '{{ values.name }}' }}", []),
    ],
)
def test_value_between_braces_without_a_dollar_stays_as_it_is(content: str, codes: list[str], tmp_path: Path) -> None:
    assert [one.code for one in in_skeleton(tmp_path, {"skeleton/a.txt": content})] == codes


def test_number_for_a_text_says_how_to_make_it_one() -> None:
    steps = """\
    - id: log
      action: debug:log
      input: {message: "${{ parameters.port }}"}
    """
    (problem,) = found(template(steps))

    assert (problem.code, problem.fix) == ("BPY204", "Make it text: ${{ (…) | string }}")
    assert found(template(steps.replace("port }}", "port | string }}"))) == []


def test_ui_as_an_object_is_no_field() -> None:
    parameters = "parameters:\n  properties:\n    repoUrl: {type: string, ui: {field: RepoUrlPicker, options: {}}}\n"
    (problem,) = found(template("- {id: log, action: debug:log}\n", parameters=parameters))

    assert (problem.code, problem.fix) == ("BPY510", "Write ui:field, ui:options beside type")


def test_member_of_the_items_of_a_list_is_told_from_a_member_of_an_object() -> None:
    parameters = """\
parameters:
  properties:
    hosts: {type: array, items: {type: object, properties: {address: {type: string}}}}
    owner: {type: object, properties: {mail: {type: string}}}
"""
    steps = "- {id: log, action: debug:log, input: {message: 'x ${{ parameters.address }} ${{ parameters.mail }}'}}\n"

    assert [one.fix for one in found(template(steps, parameters=parameters))] == [
        "Write parameters.hosts[0].address",
        "Write parameters.owner.mail",
    ]


def test_braces_without_a_dollar_are_seen_behind_an_expression() -> None:
    steps = '- {{id: log, action: debug:log, input: {{message: "{}"}}}}\n'

    (problem,) = found(template(steps.format("${{ parameters.port }} and {{ parameters.name }}")))
    assert (problem.code, problem.fix) == ("BPY406", "Write ${{ parameters.name }}")
    assert found(template(steps.format("${{ '{{ parameters.name }}' }}"))) == []


def test_text_of_the_output_needs_content() -> None:
    output = "output:\n  text:\n    - {title: Done, text: It is there.}\n    - {title: Next, content: Look at it.}\n"
    (problem,) = found(template("- {id: log, action: debug:log}\n", output=output))

    assert (problem.code, problem.fix) == ("BPY712", 'Write "content" for "text"')


def test_path_before_the_question_mark_of_a_repo_url_is_passed_over_as_backstage_does() -> None:
    steps = """\
    - id: publish
      action: publish:gitea
      input: {repoUrl: 'cnoe.localtest.me:8443/gitea?repo=web', description: A service}
    """

    assert found(template(steps)) == []


def test_form_decorator_may_set_what_nothing_declares_and_hides_no_misspelling() -> None:
    parameters = "formDecorators:\n  - id: fill-in\n" + PARAMETERS
    step = (
        "- id: log\n  action: debug:log\n  input: {{message: '${{{{ parameters.{} }}}} ${{{{ parameters.port }}}}'}}\n"
    )

    assert found(template(step.format("requester"), parameters=parameters)) == []
    assert [one.code for one in found(template(step.format("nmae"), parameters=parameters))] == ["BPY301"]


def test_path_of_a_publisher_may_be_absolute_or_computed() -> None:
    steps = """\
    - id: publish
      action: publish:github
      input: {repoUrl: 'github.com?owner=o&repo=r', sourcePath: /out}
    - id: fetch
      action: fetch:plain
      input: {url: 'https://github.com/acme/a/tree/main/b', targetPath: '${{ parameters.name }}/../x'}
    """

    assert found(template(steps)) == []


def test_conditions_of_expressions_and_tags_alone_are_no_texts() -> None:
    steps = """\
    - id: log
      action: debug:log
      if: "${{ parameters.name == 'a' }}"
    - id: again
      action: debug:log
      if: "{% if parameters.port %}true{% endif %}"
    - id: text
      action: debug:log
      if: "${{ parameters.name == 'a' }} "
    """

    assert [(one.code, one.line) for one in found(template(steps))] == [("BPY115", 19)]


def test_value_that_is_the_length_of_a_parameter_is_no_object(tmp_path: Path) -> None:
    steps = FETCH.replace("parameters.name }}", "parameters.name.length }}")

    assert in_skeleton(tmp_path, {"template.yaml": template(steps), "skeleton/a": "${{ values.name.length }}"}) == []
