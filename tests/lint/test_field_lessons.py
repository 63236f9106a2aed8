"""What public templates taught: repairs of false alarms, and mistakes that had gone unseen, in templates of our own."""

import textwrap
from pathlib import Path

import pytest

from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.lint.view import Vocabulary
from backstage_py.model.problem import Problem

HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
PARAMETERS = """\
parameters:
  required: [name, repoUrl]
  properties:
    name: {type: string}
    count: {type: number, default: 1}
    repoUrl: {type: string, ui:field: RepoUrlPicker}
"""


def template(steps: str, *, parameters: str = PARAMETERS, output: str = "") -> str:
    return HEAD + textwrap.indent(
        parameters + "steps:\n" + textwrap.indent(textwrap.dedent(steps), "  ") + output, "  "
    )


def errors(text: str) -> list[Problem]:
    return [problem for problem in check_text(text, "template.yaml") if problem.severity == "error"]


def test_what_another_file_holds_is_neither_checked_nor_missed() -> None:
    form = "parameters:\n  $yaml: ./form.yaml\n"
    steps = """\
    - $yaml: ./fetch.yaml
    - id: log
      action: debug:log
      input: {message: "${{ parameters.colour }} ${{ steps.fetched.output.url }}"}
    - $yaml: ../shared/publish.yaml
    """
    output = "output:\n  links: [{title: New, url: '${{ steps.published.output.remoteUrl }}'}]\n"

    assert check_text(template(steps, parameters=form, output=output), "template.yaml") == []


def test_steps_beside_those_of_another_file_are_checked_where_they_stand() -> None:
    steps = "- $yaml: ./fetch.yaml\n- id: log\n  name: no action\n"
    text = template(steps, parameters="")

    assert [(one.code, one.line) for one in errors(text)] == [("BPY101", 8)]


def test_whole_list_of_steps_may_be_in_another_file() -> None:
    text = HEAD + "  steps:\n    $yaml: ./steps.yaml\n"

    assert check_text(text, "template.yaml") == []


def test_input_that_is_dropped_is_not_refused() -> None:
    step = """\
    - id: register
      action: catalog:register
      input:
        repoContentsUrl: ${{ steps.elsewhere.output.repoContentsUrl }}
        catalogInfoUrl: https://example.com/catalog-info.yaml
    """
    problems = check_text(template(step), "template.yaml")

    assert [(one.code, one.severity) for one in problems if one.severity != "info"] == [("BPY302", "warning")]


NOTHING_FOR_WHAT_IS_REQUIRED = {
    "a step that does not exist": ("${{ steps.nowhere.output.repoContentsUrl }}", "BPY302"),
    "an output that its action lacks": ("${{ steps.pull.output.repoContentsUrl }}", "BPY304"),
    "a parameter that is not asked for": ("${{ parameters.elsewhere }}", "BPY301"),
}


@pytest.mark.parametrize(
    ("value", "code"), [pytest.param(*case, id=what) for what, case in NOTHING_FOR_WHAT_IS_REQUIRED.items()]
)
def test_nothing_for_what_every_form_of_the_input_requires_is_an_error(value: str, code: str) -> None:
    steps = """\
    - id: pull
      action: publish:github:pull-request
      input: {repoUrl: "${{ parameters.repoUrl }}", branchName: b, title: t, description: d}
    - id: register
      action: catalog:register
      input: {catalogInfoPath: /catalog-info.yaml, repoContentsUrl: "VALUE"}
    """

    assert [one.code for one in errors(template(steps.replace("VALUE", value)))] == [code]


def test_every_dash_of_a_name_is_part_of_one_finding() -> None:
    steps = """\
    - id: make-new-thing
      action: acme:own
    - id: log
      action: debug:log
      input: {message: "made ${{ steps.make-new-thing.output.own-id }}"}
    """
    problems = check_text(template(steps), "template.yaml")

    assert [(one.code, one.fix) for one in problems if one.code.startswith(("BPY3", "BPY4"))] == [
        ("BPY405", "Write steps['make-new-thing'].output['own-id']")
    ]


@pytest.mark.parametrize("difference", ["parameters.count-1-2", "parameters.count - steps.a.output.n - 3"])
def test_a_difference_of_numbers_is_a_difference(difference: str) -> None:
    steps = "- id: a\n  action: acme:own\n- id: log\n  action: debug:log\n  input:\n"
    steps += f"    message: 'x ${{{{ {difference} }}}}'\n"

    assert "BPY405" not in {one.code for one in check_text(template(steps), "template.yaml")}


@pytest.mark.parametrize(
    ("action", "fix"),
    [
        ("github:publish", "publish:github"),
        ("fs:append", "roadiehq:utils:fs:append"),
        ("acme:publish", None),
        ("publish:zip", None),
    ],
)
def test_unknown_action_is_compared_word_by_word(action: str, fix: str | None) -> None:
    found = [one for one in check_text(template(f"- id: x\n  action: {action}\n"), "t.yaml") if one.code == "BPY201"]

    assert [one.fix == f'Did you mean "{fix}"?' for one in found] == [fix is not None]


def _tree(folder: Path, url: str, action: str = "fetch:template") -> list[Problem]:
    (folder / "skeleton").mkdir(parents=True)
    (folder / "skeleton" / "page.html").write_text("${{ values.name | shout }} ${{ stamp() }}\n")
    steps = f"- id: fetch\n  action: {action}\n  input: {{url: '{url}', values: {{name: x}}, targetPath: page.html}}\n"
    (folder / "template.yaml").write_text(template(steps, parameters=""))
    own = vocabulary_of_ones_own()
    return [one for one in check_paths([folder], own) if one.severity != "info"]


def vocabulary_of_ones_own() -> Options:
    return Options(vocabulary=Vocabulary(filters=frozenset({"shout"}), globals=frozenset({"stamp"})))


def test_filters_and_functions_of_ones_own_are_known_in_skeletons(tmp_path: Path) -> None:
    assert _tree(tmp_path, "./skeleton") == []


def test_address_of_an_unknown_kind_is_not_taken_for_a_missing_folder(tmp_path: Path) -> None:
    (found,) = _tree(tmp_path, "github:acme/templates//skeleton")

    assert (found.code, found.severity) == ("BPY601", "error")
    assert "no address that Backstage reads" in found.message
    assert found.fix is not None
    assert "https://" in found.fix


def test_file_that_is_rendered_stays_rendered(tmp_path: Path) -> None:
    (found,) = _tree(tmp_path, "./skeleton/page.html")

    assert found.fix == "Use fetch:template:file"


@pytest.mark.parametrize(
    ("version", "severity"),
    [("backstage.io/v1beta3", "error"), ("backstage.io/v1beta2", "error"), ("backstage.io/v1alpha1", "error")],
)
def test_template_of_another_version_is_found_in_a_folder(tmp_path: Path, version: str, severity: str) -> None:
    text = template("- id: log\n  action: debug:log\n  input: {message: '${{ parameters.name }}'}\n")
    written_out = text.replace("scaffolder.backstage.io/v1beta3", version).replace(
        "metadata: {name: example}", "metadata:\n  # ours\n  name: example"
    )
    (tmp_path / "template.yaml").write_text(written_out)

    found = check_paths([tmp_path], Options())

    assert [(one.code, one.severity) for one in found if one.severity != "info"] == [("BPY104", severity)]


def test_template_of_another_version_whose_name_is_computed_is_a_skeleton(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "apiVersion: backstage.io/v1beta2\nkind: Template\nmetadata:\n  name: ${{ values.name }}\nspec: {}\n"
    )

    assert check_paths([tmp_path], Options()) == []


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("{type: boolean}", True),
        ("{type: boolean, ui:widget: checkbox}", True),
        ("{type: boolean, default: false}", False),
        ("{type: boolean, ui:widget: radio}", False),
        ("{type: boolean, const: true}", False),
        ("{type: string}", False),
    ],
)
def test_required_checkbox_without_default_is_told(schema: str, told: bool) -> None:  # a parameter
    form = f"parameters:\n  - required: [agree]\n    properties: {{agree: {schema}}}\n"
    text = template("- id: x\n  action: debug:log\n  if: ${{ parameters.agree }}\n", parameters=form)

    assert ("BPY512" in {one.code for one in check_text(text, "t.yaml")}) is told


@pytest.mark.parametrize(
    ("name", "schema", "told"),
    [
        ("adminPassword", "{type: string}", True),
        ("GITHUB_TOKEN", "{type: string, ui:widget: password}", True),
        ("api-key", "{type: string}", True),
        ("password", "{type: string, ui:field: Secret}", False),
        ("secretName", "{type: string}", False),
        ("connection_secret", "{type: string, default: database}", False),
        ("tokens", "{type: number}", False),
        ("partitionKey", "{type: string}", False),
    ],
)
def test_what_people_type_as_a_secret_is_told(name: str, schema: str, told: bool) -> None:  # a parameter
    form = f"parameters:\n  properties: {{{name}: {schema}}}\n"
    text = template(
        f"- id: x\n  action: acme:own\n  input: {{x: \"${{{{ parameters['{name}'] }}}}\"}}\n", parameters=form
    )

    assert ("BPY513" in {one.code for one in check_text(text, "t.yaml")}) is told


def test_expression_that_braces_of_yaml_break_is_told_how_to_be_written() -> None:
    text = template("- id: log\n  action: debug:log\n  input: {message: x}\n  each: [${{ parameters.name }}, b]\n")

    (found,) = errors(text)

    assert found.code == "BPY002"
    assert found.fix is not None
    assert "quotes" in found.fix
