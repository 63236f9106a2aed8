"""What stock Backstage accepts and runs gives no error, and what an author has settled gives nothing."""

from pathlib import Path

import pytest

from backstage_py.lint import vocabulary
from backstage_py.lint.check import Options, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.lint.nearest import misspelled
from tests.lint.precision import PARAMETERS, errors, template


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
