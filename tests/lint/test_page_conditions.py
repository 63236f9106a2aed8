"""Conditions of pages: what forms take there, and what they do not."""

import pytest

from backstage_py.lint.check import check_text
from backstage_py.model.problem import Severity

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
