"""What stock Backstage accepts and runs gives no error, and what an author has settled gives nothing."""

import textwrap
from pathlib import Path

import pytest

from backstage_py.lint import vocabulary
from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.lint.nearest import misspelled
from backstage_py.model.problem import Problem, Severity

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


@pytest.mark.parametrize(
    "expression",
    [
        "parameters.name | lower | replace(' ', '-')",
        "(parameters.repoUrl | parseRepoUrl).owner",
        "parameters.repoUrl | parseRepoUrl | pick('owner')",
        "parameters.name if parameters.flag else 'none'",
        "'a' if parameters.flag",
        "parameters['name'].split('-')[0]",
        "parameters.count - 1",
        "parameters.count-1",
        "parameters.name + '-' + parameters.size",
        "parameters.replicas or 1",
        "parameters.more",
        "user.entity.metadata.name ~ user.ref",
        "context.task.id",
        "secrets.USER_OAUTH_TOKEN",
        "environment.parameters.region",
        "parameters | dump",
        "parameters.things | join(', ')",
        "[1, 2, parameters.count] | length",
        "not parameters.flag and parameters.name !== 'x'",
        "parameters.name in ['a', 'b']",
        "parameters.name is defined",
        "parameters.undeclared | default('x')",
        "always()",
        "range(3) | join",
        "parameters[ 'na' + 'me' ]",
        "steps['first'].output | dump",
        "parameters.owner | parseEntityRef | pick('name')",
        "r/a+/.test(parameters.name)",
    ],
)
def test_expression_of_the_field_is_accepted(expression: str) -> None:
    steps = f"""\
    - id: first
      action: acme:own
    - id: log
      action: debug:log
      input:
        message: "x {"${{ " + expression.replace('"', "'") + " }}"}"
    """
    assert errors(template(steps)) == []


def test_a_value_that_is_one_tag_may_have_any_type() -> None:
    steps = """\
    - id: pull
      action: publish:github:pull-request
      if: "{% if parameters.flag %}true{% else %}false{% endif %}"
      input:
        repoUrl: ${{ parameters.repoUrl }}
        branchName: add-${{ parameters.name }}
        title: "{% if parameters.flag %}a{% else %}b{% endif %}"
        description: x
        draft: "{% if parameters.flag %}true{% else %}false{% endif %}"
        reviewers: "{% for thing in parameters.things %}${{ thing }}{% endfor %}"
        targetPath: ''
    """
    assert errors(template(steps)) == []


CONDITIONS = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {{name: x}}
spec:
  type: service
  parameters:
    - properties:
        cloud: {{type: string, enum: [AWS, GCP]}}
        cloud-tier: {{type: string}}
        things: {{type: array}}
        flag: {{type: boolean}}
    - when: {condition}
      properties:
        region: {{type: string}}
    - when: parameters.region
      properties:
        zone: {{type: string}}
  steps:
    - id: log
      action: debug:log
      input: {{message: "${{{{ parameters | dump }}}}"}}
"""


def found_in_condition(condition: str) -> list[tuple[str, Severity, int, str]]:
    text = CONDITIONS.format(condition=condition)
    return [(one.code, one.severity, one.column, one.message) for one in check_text(text, "template.yaml")]


@pytest.mark.parametrize(
    "condition",
    [
        "${{ parameters.cloud === 'AWS' }}",
        "parameters.cloud == 'AWS'",
        "parameters.cloud != 'AZURE'",
        "not parameters.flag and 'x' in parameters.things",
        "parameters.things | length > 2",
        "parameters['cloud-tier'] == 'x'",
        "parameters.cloud in ['AWS']",
        "${{ 'AWS' if parameters.flag else '' }}",
        "parameters.flag == 'true'",
        "true",
        "''",
        "'  '",
        "parameters.cloud is defined",
        "range(3) | length",
        "parameters",
    ],
)
def test_condition_of_a_page_is_accepted(condition: str) -> None:
    assert found_in_condition(condition) == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("parameters.cloud = 'AWS'", ("BPY514", "error", 30)),
        ("${{ parameters.cloud || 'a' }}", ("BPY514", "error", 35)),
        ("'{{ parameters.flag }}'", ("BPY514", "error", 15)),
        ("parameters.clouds", ("BPY515", "warning", 24)),
        ("parameters.colour", ("BPY515", "warning", 24)),
        ("parameters.region", ("BPY515", "warning", 24)),
        ("  parameters.zone", ("BPY515", "warning", 26)),
        ("cloud == 'AWS'", ("BPY515", "warning", 13)),
        ("${{ user.ref }}", ("BPY515", "warning", 17)),
        ("parameters.cloud-tier == 'x'", ("BPY515", "warning", 29)),
        ("parameters.cloud | parseEntityRef", ("BPY516", "error", 32)),
        ("parameters.cloud is empty", ("BPY516", "error", 33)),
        ("always()", ("BPY516", "error", 13)),
        ("r/^A/.test(parameters.cloud)", ("BPY516", "error", 13)),
        ("parameters.flag and parameters.cloud.replace(r/A/g, '')", ("BPY516", "warning", 58)),
        ("false", ("BPY517", "warning", 13)),
        ("'false'", ("BPY517", "warning", 13)),
        ("parameters.cloud == 'AZURE'", ("BPY517", "warning", 13)),
        ("parameters.flag and 'azure' === parameters.cloud", ("BPY517", "warning", 13)),
    ],
)
def test_condition_of_a_page_that_is_wrong_is_found(condition: str, expected: tuple[str, Severity, int]) -> None:
    assert [one[:3] for one in found_in_condition(condition)] == [expected]


def test_a_parameter_that_shows_a_page_is_used() -> None:
    text = CONDITIONS.format(condition="parameters.flag").replace("parameters | dump", "parameters.zone")
    unused = {one.message for one in check_text(text, "template.yaml") if one.code == "BPY511"}
    assert unused == {f'The parameter "{name}" is not used' for name in ("cloud", "cloud-tier", "things")}


def test_an_empty_text_is_no_input() -> None:
    steps = """\
    - id: pull
      action: fetch:plain
      input:
        url: ''
    """
    found = errors(template(steps))
    assert [(one.code, one.message) for one in found] == [("BPY202", 'fetch:plain requires the input "url"')]


def test_steps_of_the_field_are_accepted() -> None:
    steps = """\
    - id: fetch
      action: fetch:template
      if: ${{ parameters.flag }}
      input:
        url: https://github.com/acme/templates/tree/main/skeleton
        values: ${{ parameters }}
    - id: loop
      each: ${{ parameters.things }}
      action: debug:log
      if: ${{ each.value !== 'x' }}
      input: {message: "${{ each.key }}: ${{ each.value }}"}
    - id: pull
      action: publish:github:pull-request
      input:
        repoUrl: ${{ parameters.repoUrl }}
        branchName: add-${{ parameters.name }}
        title: ${{ parameters.name if parameters.flag else "none" }}
        description: |
          {% for thing in parameters.things %}
          - ${{ thing }} ${{ loop.index }}
          {% endfor %}
        draft: ${{ parameters.flag }}
        update: ${{ parameters.choice === "true" }}
        reviewers: ${{ parameters.things }}
        token: ${{ secrets.USER_OAUTH_TOKEN }}
    - id: publish
      action: publish:github
      if: false
      input: {repoUrl: "${{ parameters.repoUrl }}"}
    - id: register
      action: catalog:register
      input: {repoContentsUrl: "${{ steps['publish'].output.repoContentsUrl }}", catalogInfoPath: /catalog-info.yaml}
    """
    output = "output:\n  links:\n    - {title: Pull request, url: '${{ steps.pull.output.remoteUrl }}'}\n"

    assert errors(template(steps, output=output)) == []


def test_form_decorators_may_set_anything() -> None:
    decorated = "formDecorators: [{id: token}]\n" + PARAMETERS
    steps = "- id: log\n  action: debug:log\n  input: {message: '${{ parameters.token }}'}\n"

    assert "BPY301" not in {problem.code for problem in check_text(template(steps, parameters=decorated), "t.yaml")}


@pytest.mark.parametrize(
    "action",
    ["gitlab:repo:create", "catalog:unregister", "publish:gitee", "fs:write", "fs:copy", "publish:file", "json:merge"],
)
def test_action_that_only_resembles_a_known_one_is_no_error(action: str) -> None:
    assert errors(template(f"- id: x\n  action: {action}\n")) == []


@pytest.mark.parametrize("action", ["fetch:tempalte", "publish:gihub", "debug:logs", "Fetch:Template", "fs:reead"])
def test_action_with_a_slip_is_an_error(action: str) -> None:
    assert [one.code for one in errors(template(f"- id: x\n  action: {action}\n"))] == ["BPY201"]


def test_action_of_ones_own_is_no_error_but_a_misspelt_one_is() -> None:
    own = template("- id: x\n  action: acme:repository:create\n")
    slip = template("- id: x\n  action: fetch:tempalte\n  input: {url: 'https://example.com'}\n")

    assert errors(own) == []
    assert [problem.code for problem in errors(slip)] == ["BPY201"]


@pytest.mark.parametrize(
    "comment", ["backstage-py: ignore[BPY401]", "backstage-py: ignore[expression-syntax]", "backstage-py: ignore"]
)
def test_comment_on_the_line_switches_a_rule_off(comment: str) -> None:
    text = template("- id: log\n  action: debug:log\n  input:\n    message: ${{ parameters.name || 'x' }}\n")
    ignored = text.replace("|| 'x' }}", f"|| 'x' }}}}  # {comment}")

    assert "BPY401" in {problem.code for problem in check_text(text, "template.yaml")}
    assert "BPY401" not in {problem.code for problem in check_text(ignored, "template.yaml")}


def test_comment_names_another_rule() -> None:
    text = template(
        "- id: log\n  action: debug:log\n  input:\n    message: ${{ a || 'x' }}  # backstage-py: ignore[BPY201]\n"
    )

    assert "BPY401" in {problem.code for problem in check_text(text, "template.yaml")}


def test_severity_can_be_set() -> None:
    text = template("- id: x\n  action: acme:own\n")

    assert [one.severity for one in check_text(text, "t.yaml", Options(levels={"BPY201": "error"}))] == [
        "error",
        "info",
        "info",
    ][:1] + [one.severity for one in check_text(text, "t.yaml", Options(levels={"BPY201": "off"}))]


def test_catalog_files_inside_a_skeleton_are_not_entities_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "catalog-info.yaml").write_text("apiVersion: backstage.io/v1alpha1\nkind: Component\n")
    steps = "- id: fetch\n  action: fetch:template\n  input: {url: ./skeleton, values: {}}\n"
    (tmp_path / "template.yaml").write_text(template(steps, parameters=""))

    assert check_paths([tmp_path], Options()) == []


def test_template_inside_a_skeleton_is_not_a_template_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "template.yaml").write_text(template("- id: x\n  action: fetch:plain\n", parameters=""))
    steps = "- id: fetch\n  action: fetch:template\n  input: {url: ./skeleton, values: {}}\n"
    (tmp_path / "template.yaml").write_text(template(steps, parameters=""))

    assert check_paths([tmp_path], Options()) == []


def test_every_choice_of_a_skeleton_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "skeletons" / "small").mkdir(parents=True)
    (tmp_path / "skeletons" / "small" / "README.md").write_text("${{ values.x | nope }}")
    steps = """\
    - id: fetch
      action: fetch:template
      input: {url: "./skeletons/${{ parameters.size }}", values: {x: "${{ parameters.size }}"}}
    """
    (tmp_path / "template.yaml").write_text(template(steps))

    problems = [one for one in check_paths([tmp_path], Options()) if one.severity != "info"]

    assert [(one.code, one.severity, Path(one.file).name) for one in problems] == [
        ("BPY607", "warning", "README.md"),
        ("BPY601", "warning", "template.yaml"),
    ]


@pytest.mark.parametrize(
    ("name", "sure"),
    [
        ("fetch:tempalte", True),
        ("publish:gihub", True),
        ("debug:wait:long", False),
        ("acme:log", False),
        ("fs:reads", True),
    ],
)
def test_only_a_slip_is_surely_a_misspelling(name: str, sure: bool) -> None:  # a parameter
    known = ("fetch:template", "publish:github", "debug:wait", "debug:log", "fs:read")

    assert (misspelled(name, known) is not None) is sure


def test_vocabulary_is_that_of_the_engine() -> None:
    from backstage_py.templating.engine import BUILTIN_FILTERS, BUILTIN_TESTS

    assert BUILTIN_FILTERS - vocabulary.COOKIECUTTER_FILTERS == vocabulary.FILTERS
    assert BUILTIN_TESTS == vocabulary.TESTS


LINE_OF_MESSAGE = 6 + PARAMETERS.count("\n") + 8
RUNS_SILENTLY = {
    "an unknown step gives nothing": "x ${{ steps.nowhere.output.y }}",
    "a later step gives nothing": "x ${{ steps.later.output.y }}",
    "the step itself gives nothing": "x ${{ steps.log.output.y }}",
    "a member other than output gives nothing": "x ${{ steps.first.remoteUrl }}",
    "an unknown root gives nothing": "x ${{ values.name }}",
    "an undeclared parameter gives nothing": "x ${{ parameters.elsewhere }}",
    "a dash is a minus": "x ${{ steps.list-files.output.files }}",
    "a dash before a filter is a minus": "x ${{ steps.list-files.output.files | dump }}",
    "each outside of a loop gives nothing": "x ${{ each.value }}",
    "an unknown member of user gives nothing": "x ${{ user.name }}",
    "a secret in a condition gives nothing": "x ${{ 'y' if secrets.token else 'z' }}",
    "a filter in a branch that is not taken": "x ${{ parameters.name if parameters.flag else (1 | acmeOwn) }}",
    "a test in a branch that is not taken": "x ${{ parameters.flag and (parameters.name is somehow) }}",
    "a filter that may be one's own": "x ${{ parameters.name | acmeOwn }}",
    "a function that may be one's own": "x ${{ acmeOwn(parameters.name) }}",
    "a function in a branch that is not taken": "x {% if parameters.flag %}${{ acmeOwn() }}{% endif %}",
    "raw text for GitHub Actions": "run: ${{ github.event_name == 'push' && matrix.os || 'x' }}",
    "raw text for a function of GitHub Actions": "key: ${{ hashFiles('package-lock.json') }}",
    "raw text for another template language": "{% include 'head.html' %} {% assign a = 1 %}",
    "a sign of a comment without any expression": "colour {#fff",
    "a misspelt parameter that the text asks about": "x ${{ parameters.nmae if parameters.nmae else 'none' }}",
}


@pytest.mark.parametrize("message", [pytest.param(text, id=what) for what, text in RUNS_SILENTLY.items()])
def test_what_runs_silently_is_told_without_an_error(message: str) -> None:
    steps = "- id: first\n  action: acme:own\n- id: list-files\n  action: acme:own\n- id: log\n  action: debug:log\n"
    text = template(
        f"{steps}  input:\n    message: {message!r}\n- id: later\n  action: acme:own\n".replace("\\'", "''")
    )
    problems = check_text(text, "template.yaml")

    assert [problem for problem in problems if problem.severity == "error"] == []
    assert [problem for problem in problems if problem.line == LINE_OF_MESSAGE], "something is told"


FAILS = {
    "a foreign or": ("x ${{ parameters.name || 'y' }}", "BPY401"),
    "a foreign and": ("x ${{ parameters.flag && 'y' }}", "BPY401"),
    "a foreign choice": ("x ${{ parameters.flag ? 'y' : 'z' }}", "BPY401"),
    "an expression that does not end": ("x ${{ parameters.name }", "BPY401"),
    "a parenthesis that does not end": ("x ${{ (parameters.name }}", "BPY401"),
    "a comment that swallows an expression": ("x {#fff ${{ parameters.name }}", "BPY407"),
    "a misspelt filter": ("x ${{ parameters.name | lowr }}", "BPY402"),
    "an unknown test": ("x ${{ parameters.name is empty }}", "BPY403"),
    "a filter called like a function": ("x ${{ lower(parameters.name) }}", "BPY404"),
    "nothing where the action requires something": ("${{ steps.nowhere.output.y }}", "BPY302"),
    "a later step where the action requires something": ("${{ steps.later.output.y }}", "BPY303"),
    "null where the action wants text": ("${{ steps.list-files.output.files }}", "BPY405"),
}
RUNS_ON = {
    "a misspelt filter in a branch": ("x ${{ parameters.name if parameters.flag else (1 | lowr) }}", "BPY402"),
    "a misspelt parameter": ("x ${{ parameters.nmae }}", "BPY301"),
    "a misspelt step": ("x ${{ steps.fisrt.output.y }}", "BPY302"),
    "outputs": ("x ${{ steps.first.outputs.y }}", "BPY305"),
    "a misspelt root": ("x ${{ parameter.name }}", "BPY306"),
}


def told_of(url: str) -> list[tuple[str, Severity, int]]:
    steps = (
        "- id: first\n  action: acme:own\n- id: list-files\n  action: acme:own\n- id: fetch\n  action: fetch:plain\n"
    )
    quoted = "'" + url.replace("'", "''") + "'"
    text = template(f"{steps}  input:\n    url: {quoted}\n- id: later\n  action: acme:own\n")
    told = [(one.code, one.severity, one.line) for one in check_text(text, "template.yaml")]
    return [one for one in told if one[0] not in ("BPY201", "BPY511")]


@pytest.mark.parametrize(("url", "code"), [pytest.param(*case, id=what) for what, case in FAILS.items()])
def test_what_backstage_refuses_or_fails_with_is_an_error(url: str, code: str) -> None:
    assert told_of(url) == [(code, "error", LINE_OF_MESSAGE)]


@pytest.mark.parametrize(("url", "code"), [pytest.param(*case, id=what) for what, case in RUNS_ON.items()])
def test_mistake_with_which_backstage_runs_on_is_a_warning(url: str, code: str) -> None:
    assert told_of(url) == [(code, "warning", LINE_OF_MESSAGE)]


@pytest.mark.parametrize("value", ["parameters.name || 'y'", "parameters.name | lowr", "1 is empty", "lower('A')"])
def test_expression_of_the_output_is_only_shown(value: str) -> None:
    output = f"output:\n  links:\n    - title: New\n      url: ${{{{ {value} }}}}\n"
    told = check_text(template("- {id: x, action: acme:own}\n", output=output), "template.yaml")

    assert [one.severity for one in told if one.code.startswith("BPY4")] == ["warning"]


def test_nothing_for_a_required_input_is_a_warning_where_the_step_need_not_run() -> None:
    step = (
        "- id: fetch\n  action: fetch:plain\n  if: ${{ parameters.flag }}\n  input: {url: '${{ steps.no.output.y }}'}\n"
    )

    assert errors(template(step)) == []


def test_each_expression_of_a_text_is_told() -> None:
    message = "${{ parameters.nmae }} ${{ a || b }} ${{ parameters.name | lower }} ${{ c ? d : e }} ${{ f && g }} ${{ ("
    text = template(f'- id: log\n  action: debug:log\n  input:\n    message: "{message}"\n')
    start = text.split("\n")[6 + PARAMETERS.count("\n") + 4 - 1].index("${{") + 1

    told = [problem for problem in check_text(text, "template.yaml") if problem.code in ("BPY301", "BPY401")]

    assert [(problem.code, problem.column - start) for problem in told] == [
        ("BPY301", message.index("nmae")),
        ("BPY401", message.index("| b")),
        ("BPY401", message.index("?")),
        ("BPY401", message.index("&&")),
        ("BPY401", message.rindex("${{")),
    ]


def test_each_expression_of_a_skeleton_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "README.md").write_text("${{ values.name || 1 }}\n\n${{ values.name && 2 }}\n")
    steps = "- id: fetch\n  action: fetch:template\n  input: {url: ./skeleton, values: {name: x}}\n"
    (tmp_path / "template.yaml").write_text(template(steps, parameters=""))

    found = [(one.code, one.line) for one in check_paths([tmp_path], Options()) if one.severity == "error"]

    assert found == [("BPY602", 1), ("BPY602", 3)]


@pytest.mark.parametrize(
    "pattern",
    [r"^[\w-.]+$", r"^(?!.*--)[\p{L}]+$", r"(?<=a+)b", r"^[a-z\d-_]+$", r"^a{0,2000}$", r"\h", r"^(?<n>a)\k<n>$", "a{"],
)
def test_pattern_that_javascript_takes_is_accepted(pattern: str) -> None:
    form = f"parameters:\n  properties:\n    name: {{type: string, default: x, pattern: '{pattern}'}}\n"
    text = template("- id: log\n  action: debug:log\n  input: {message: '${{ parameters.name }}'}\n", parameters=form)

    assert errors(text) == []


@pytest.mark.parametrize("pattern", ["[a-z", "(", "*a", "^(?i)a$", "[z-a]", "a**", "x{2,1}"])
def test_pattern_that_javascript_refuses_is_an_error(pattern: str) -> None:
    form = f"parameters:\n  properties:\n    name: {{type: string, pattern: '{pattern}'}}\n"
    text = template("- id: log\n  action: debug:log\n  input: {message: '${{ parameters.name }}'}\n", parameters=form)

    assert [problem.code for problem in errors(text)] == ["BPY501"]
