"""An error is what Backstage refuses, or what fails when it runs; what it runs on with is a warning."""

import pytest

from backstage_py.lint.check import check_text
from backstage_py.model.problem import Severity
from tests.lint.precision import PARAMETERS, errors, template

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
