"""What ``validate`` says of tests, mocks and the configuration is what the commands say that read them."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from backstage_py.cli.cases import testcases
from backstage_py.cli.commands import validate
from backstage_py.cli.commands.validate import ValidateOptions
from backstage_py.errors import InputError
from backstage_py.model.problem import Problem

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: web}
spec:
  type: service
  owner: team-a
  parameters:
    properties:
      size: {type: string, enum: [small, large]}
  steps:
    - id: log
      action: debug:log
      input: {message: '${{ parameters.size }}'}
"""
TESTS = """\
cases:
  - name: a small one
    values: {size: small}
    expect:
      steps: {log: completed}
"""


def found(folder: Path, files: dict[str, str]) -> list[Problem]:
    (folder / ".git").mkdir(exist_ok=True)
    for name, text in {"template.yaml": TEMPLATE, **files}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return validate.find([folder], ValidateOptions())


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("cases:", "case:", 1),
        ("  - name", "  - title", 2),
        ("values:", "value:", 3),
        ("expect:", "expects:", 4),
        ("completed", "done", 5),
        ("{size: small}", "[size]", 3),
        ("cases:", "mocks: {log: {outputs: {}}}\ncases:", 1),
        ("cases:", "http: {no such request: {}}\ncases:", 1),
        ("    expect:", "    each: {}\n    expect:", 4),
        ("    expect:", "    timeout: long\n    expect:", 4),
    ],
)
def test_what_a_test_file_is_refused_for_is_a_problem_with_its_line(
    tmp_path: Path, right: str, wrong: str, line: int
) -> None:
    problems = found(tmp_path, {"web.test.yaml": TESTS.replace(right, wrong, 1)})

    with pytest.raises(InputError) as refused:
        testcases.load(tmp_path / "web.test.yaml")
    assert [(one.code, one.line) for one in problems] == [("BPY902", line)]
    assert refused.value.message.endswith(problems[0].message)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        ("{size: small}", "{size: tiny}", 3, "'size' must be one of"),
        ("{size: small}", "{szie: small}", 3, "did you mean 'size'?"),
        ("{log: completed}", "{lgo: completed}", 5, "step lgo: the template has none"),
        ("cases:", "mocks: {lgo: {}}\ncases:", 1, "has the id or the action lgo, which is mocked"),
        ("cases:", "template: other.yaml\ncases:", 1, "Cannot read"),
    ],
)
def test_what_the_template_does_not_have_is_a_problem(
    tmp_path: Path, right: str, wrong: str, line: int, message: str
) -> None:
    (problem,) = found(tmp_path, {"web.test.yaml": TESTS.replace(right, wrong, 1)})

    assert (problem.code, problem.line) == ("BPY903", line)
    assert message in problem.message


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    wrong = TESTS.replace("values", "value").replace("completed", "done")
    config = "severty: {}\nignore: [BPY000]\n"

    problems = found(
        tmp_path, {"web.test.yaml": wrong, ".backstage-py.yaml": config, "x.mocks.yaml": "log: {out: 1}\n"}
    )

    assert [(Path(one.file).name, one.line, one.code) for one in problems] == [
        (".backstage-py.yaml", 1, "BPY901"),
        (".backstage-py.yaml", 2, "BPY901"),
        ("web.test.yaml", 3, "BPY902"),
        ("web.test.yaml", 5, "BPY902"),
        ("x.mocks.yaml", 1, "BPY902"),
    ]


def test_configuration_that_is_no_yaml_is_all_that_is_told(tmp_path: Path) -> None:
    problems = found(tmp_path, {".backstage-py.yaml": "a: [\n", "template.yaml": "kind: Template\n"})

    assert {(Path(one.file).name, one.code) for one in problems} == {(".backstage-py.yaml", "BPY002")}


def test_nothing_is_said_of_what_expects_a_failure_or_belongs_to_another_tool(tmp_path: Path) -> None:
    refused = TESTS.replace("small}", "tiny}").replace("steps: {log: completed}", "error: true")
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "deployment.test.yaml").write_text("suite: chart\ntests: []\n")

    assert found(tmp_path, {"web.test.yaml": refused}) == []


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "5",
        "",
        "\0",
        "cases: [1, [], null, {}]\nfindings: {a: 1}\n",
        "1: 2\ntrue: 3\nnull: 4\n? [a]\n: 5\n",
        "template: [a]\ncases: [{}]\n",
        "template: 5\ncases: [{}]\n",
        'template: "a\\0b"\ncases: [{}]\n',
        "cases:\n  - each: {a: [1], b: {}}\n    timeout: 1e999\n",
        "a: &a [*a]\ncases: [*a]\n",
        "cases: " + "[" * 500,
    ],
)
@pytest.mark.parametrize("name", ["web.test.yaml", "web.mocks.yaml", ".backstage-py.yaml"])
def test_odd_files_are_told(tmp_path: Path, name: str, text: str) -> None:
    problems = found(tmp_path, {name: text})

    assert {Path(one.file).name for one in problems} <= {name}


@pytest.mark.parametrize("name", ["web.test.yaml", ".backstage-py.yaml"])
def test_link_to_itself_and_folder_of_such_a_name_are_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(name)
    (tmp_path / "folder.test.yaml").mkdir()

    assert {Path(one.file).name for one in found(tmp_path, {})} <= {name}


def test_closed_output_ends_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE, encoding="utf-8")
    program = shlex.join([sys.executable, "-m", "backstage_py.cli", "validate", str(tmp_path)])

    ended = subprocess.run(["sh", "-c", f"{program} >&-"], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
