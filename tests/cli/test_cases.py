"""test: the cases beside a template, and what becomes of a wrong one."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from backstage_py import bundled
from backstage_py.cli.main import app
from tests.cli import example

PROPOSES = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: more}
spec:
  type: service
  steps:
    - id: read
      action: fetch:plain:file
      input: {url: "https://github.com/acme/shop/blob/main/deploy/values.yaml", targetPath: deploy/values.yaml}
    - id: more
      action: roadiehq:utils:merge
      input: {path: deploy/values.yaml, content: {replicas: 2}}
    - id: propose
      action: publish:github:pull-request
      input: {repoUrl: github.com?owner=acme&repo=shop, branchName: more, title: More, description: of them}
  output: {links: [{title: Pull request, url: "${{ steps.propose.output.remoteUrl }}"}]}
"""


def test_cases_pass(cli: CliRunner, template: Path) -> None:
    example.write_cases(
        template,
        """\
  - name: everything
    values: {name: shop}
    expect:
      files:
        README.md: "# shop (small)\\n"
        "*.sh": {executable: true, contains: ["#!"], matches: "^#!/bin/sh$", absent: [bash]}
      absent: ["**/*.tmp"]
      output: {text: [{content: shop, title: {matches: ^N}}]}
      steps: {fetch: completed, shout: skipped, publish: skipped}
      log: [Skipping because]
    run: [grep -q shop README.md, ./run.sh]
  - name: refused
    values: {name: SHOP}
    expect: {error: does not match}
""",
    )

    result = cli.invoke(app, ["test", "--junit", "report.xml"])

    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines()[-1] == "2 passed"
    report = ET.parse(template / "report.xml").getroot()
    assert report.attrib["tests"] == "2"
    for suite in report:  # what Jenkins asks of a suite
        assert {"name", "tests", "failures", "errors"} <= set(suite.attrib)


def test_failure_names_its_step(cli: CliRunner, template: Path) -> None:
    (template / "skeleton" / "README.md").write_text("${{ values.name | nonsense }}")
    example.write_cases(template, "  - {name: one, values: {name: shop}}\n")

    assert "the run failed in step fetch: " in cli.invoke(app, ["test"]).stdout


@pytest.mark.thorough
def test_a_case_in_the_sandbox_finds_its_repositories(cli: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(PROPOSES)
    cases = """\
repositories: {acme/shop: {README.md: "# shop\\n", deploy/values.yaml: "replicas: 1\\n"}}
cases:
  - name: a pull request
    sandbox: true
    expect:
      files: {deploy/values.yaml: "replicas: 2\\n"}
      output: {links: [{url: {matches: /acme/shop/pull/1$}}]}
  - name: another repository of this name
    sandbox: true
    repositories: {acme/shop: {README.md: "# another\\n"}}
    expect: {error: deploy/values.yaml}
  - name: a name that no repository has
    sandbox: true
    repositories: {shop: {README.md: ""}}
    expect: {error: true}
  - name: a file outside
    sandbox: true
    repositories: {acme/other: {../README.md: ""}}
    expect: {error: true}
"""
    (tmp_path / "template.test.yaml").write_text(cases)
    result = cli.invoke(app, ["test", str(tmp_path)])
    lines = result.stdout.splitlines()
    assert lines[-1] == "2 passed, 2 failed", result.stdout
    assert "The repository 'shop' cannot be made: repository name ''" in result.stdout
    assert "The repository 'acme/other' cannot be made: path '../README.md' is not a valid path" in result.stdout


@pytest.mark.thorough(sample=8)
@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        ('expect: {files: {README.md: "other"}}', "README.md differs"),
        ("expect: {files: {nothing: true}}", "nothing is missing"),
        ("expect: {files: {README.md: {contains: [x1]}}}", "README.md does not contain 'x1'"),
        ("expect: {files: {README.md: {absent: [shop]}}}", "README.md contains 'shop'"),
        ("expect: {files: {README.md: {matches: '^z'}}}", "README.md does not match '^z'"),
        ("expect: {files: {README.md: {executable: true}}}", "README.md is not executable"),
        ("expect: {files: {README.md: {equals: skeleton/run.sh}}}", "README.md differs from skeleton/run.sh"),
        ("expect: {absent: [README.md]}", "README.md is there"),
        ("expect: {output: {text: [{content: other}]}}", 'output.text[0].content is "shop", expected "other"'),
        ("expect: {output: {nothing: 1}}", "output has no 'nothing'"),
        ("expect: {steps: {publish: completed}}", "step publish: expected completed, but it is skipped"),
        ("expect: {log: [nowhere]}", "the log does not contain 'nowhere'"),
        ("expect: {error: x}", "the run should have failed"),
        ("golden: golden", "there is no golden tree golden; write it with --update"),
        ("run: ['echo oops; exit 3']", "ended with exit status 3"),
        ("run: ['sleep 60']\n    timeout: 0.2", "took longer than 0.2 s"),
        ("expect: {output: {text: [{content: {matches: ^x}}]}}", "which does not match '^x'"),
        ("expect: {steps: {publsh: skipped}}", "step publsh: the template has none; did you mean publish?"),
    ],
)
def test_difference_is_named(
    cli: CliRunner, template: Path, expectation: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTAGE_PY_TRUST", str(template if template.is_dir() else template.parent))
    example.write_cases(template, f"  - values: {{name: shop}}\n    {expectation}\n")

    result = cli.invoke(app, ["test"])

    assert result.exit_code == 1
    assert message in result.stdout
    assert "0 passed, 1 failed" in result.stdout


def test_golden_tree_is_written_and_compared(cli: CliRunner, template: Path) -> None:
    example.write_cases(template, "  - {name: tree, values: {name: shop}, golden: golden/shop}\n")

    assert cli.invoke(app, ["test", "--update"]).exit_code == 0
    assert (template / "golden" / "shop" / "README.md").read_text() == "# shop (small)\n"
    assert cli.invoke(app, ["test"]).exit_code == 0
    (template / "skeleton" / "README.md").write_text("changed\n")
    assert "+changed" in cli.invoke(app, ["test"]).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: []\n", "'cases' must be a list of at least one case"),
        ("case: 1\n", "1:1: unknown key 'case'; did you mean 'cases'?"),
        ("cases:\n  - vales: {}\n", "2:5: unknown key 'vales'; did you mean 'values'?"),
        ("cases:\n  - expect: {files: {a: {contain: x}}}\n", "unknown key 'contain'; did you mean 'contains'?"),
        ("cases:\n  - expect: {error: '('}\n", "'(' is no regular expression"),
        ("cases:\n  - timeout: soon\n", "'timeout' must be a number of seconds"),
        ("", "is empty"),
    ],
)
def test_wrong_test_file_names_the_place(cli: CliRunner, template: Path, text: str, message: str) -> None:
    (template / "template.test.yaml").write_text(text)

    result = cli.invoke(app, ["test"])

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.thorough
def test_golden_paths_of_this_project_pass_their_tests(cli: CliRunner) -> None:
    result = cli.invoke(app, ["test", str(bundled.skeletons())])

    assert result.exit_code == 0, result.stdout
    tested = {path.parent.name for path in bundled.skeletons().glob("*/*.test.yaml")}
    assert tested == {path.parent.name for path in bundled.skeletons().glob("*/template.yaml")}
