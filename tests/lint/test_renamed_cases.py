"""Renaming a step or parameter reaches the test files beside the template."""

from pathlib import Path

import pytest

from backstage_py.lint import cases
from backstage_py.lint.fixes.edits import apply
from backstage_py.lint.renaming import Target

TESTS = """\
# what a shop gets
mocks:
  publish: {output: {remoteUrl: x}}   # the step
  acme:publish: {output: {}}
cases:
  - name: one ${{ each.size }}
    values: {name: publish, 'size': large}
    each: {size: [small, large], region: [eu]}
    golden: golden/${{ each.size }}-${{ each['size'] | lower }}
    mocks: {publish: {fail: no}}
    expect:
      steps: {publish: skipped, log: completed}
      inputs: {"publish": {name: publish}}
      files: {publish: {exists: true}}
  - secrets: {size: a}
    each: [{size: a, name: b}, {size: c, name: d}]
"""
STEP = (
    TESTS.replace("  publish: {output: {remote", "  ship-it: {output: {remote")
    .replace("{publish: {fail", "{ship-it: {fail")
    .replace("{publish: skipped", "{ship-it: skipped")
    .replace('{"publish": {name', '{"ship-it": {name')
)
PARAMETER = (
    TESTS.replace("each.size }}", "each['my-size'] }}")
    .replace("each['size'] |", "each['my-size'] |")
    .replace("'size': large", "'my-size': large")
    .replace("each: {size", "each: {my-size")
    .replace("{size: a", "{my-size: a")
    .replace("{size: c", "{my-size: c")
)


def renamed(text: str, target: Target, new: str, *, file: str = "template.test.yaml") -> str:
    folder = Path("/templates/shop")
    return apply(text, cases.edits(text, folder / file, folder / "template.yaml", target, new))


@pytest.mark.parametrize(
    ("target", "new", "expected"),
    [
        (Target("step", "publish", 0, 0), "ship-it", STEP),
        (Target("parameter", "size", 0, 0), "my-size", PARAMETER),
        (Target("step", "nothing", 0, 0), "else", TESTS),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else None,
)
def test_a_name_is_changed_where_the_cases_speak_of_it(target: Target, new: str, expected: str) -> None:
    assert renamed(TESTS, target, new) == expected


def test_files_of_mocks_know_steps_alone() -> None:
    text = "publish: {output: {size: 1}}\nacme:x: {fail: no}\n"
    assert renamed(text, Target("step", "publish", 0, 0), "ship", file="x.mocks.yaml") == text.replace(
        "publish", "ship"
    )
    assert renamed(text, Target("parameter", "publish", 0, 0), "ship", file="x.mocks.yaml") == text


@pytest.mark.parametrize(
    "text", ["template: ../other/template.yaml\n" + TESTS, "cases: [\n", "- a\n", "", "cases: 5\n"]
)
def test_another_template_and_what_cannot_be_read_is_left_alone(text: str) -> None:
    assert renamed(text, Target("step", "publish", 0, 0), "ship") == text
