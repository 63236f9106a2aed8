"""One notion of a project's own actions: what a folder holds is known to every command of an author."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app

ACTIONS = '''
from dataclasses import dataclass

from backstage_py.plugin import ActionContext, action, template_filter


@dataclass(frozen=True)
class Input:
    name: str


@dataclass(frozen=True)
class Output:
    text: str


@action("acme:greet", Input, output=Output, dry_run=True)
def greet(ctx: ActionContext[Input]) -> Output:
    """Writes a greeting."""
    text = f"Hello, {ctx.input.name}"
    ctx.workspace.path("greeting.txt").write_text(text)
    return Output(text)


@template_filter("shout")
def shout(value: str) -> str:
    """The text, loudly."""
    return value.upper() + "!"
'''
TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: greeting}
spec:
  owner: platform
  type: service
  parameters:
    - required: [name]
      properties: {name: {type: string}}
  steps:
    - id: greet
      name: Greet
      action: acme:greet
      input: {name: "${{ parameters.name | shout }}"}
  output:
    text: [{title: Greeting, content: "${{ steps.greet.output.text }}"}]
"""
CASES = 'cases:\n  - {name: hi, values: {name: ada}, expect: {files: {greeting.txt: "Hello, ADA!"}}}\n'


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKSTAGE_PY_TRUST", str(tmp_path))
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "greet.py").write_text(ACTIONS)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "template.test.yaml").write_text(CASES)
    return tmp_path


@pytest.fixture(params=[".backstage-py.yaml", "pyproject.toml", "app-config.yaml"])
def configured(request: pytest.FixtureRequest, project: Path) -> Path:
    """The project, with the folder named in one of the places that may name it."""
    texts = {
        ".backstage-py.yaml": "actions-folder: actions\n",
        "pyproject.toml": '[tool.backstage-py]\nactions-folder = "actions"\n',
        "app-config.yaml": "scaffolder:\n  actionsFolder: actions\n",
    }
    (project / request.param).write_text(texts[request.param])
    return project


@pytest.mark.thorough(sample=9)
@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "--strict"],
        ["dry-run", ".", "-v", "name=ada"],
        ["run", ".", "-v", "name=ada", "--yes"],
        ["test"],
        ["actions", "acme:greet"],
        ["filters", "shout"],
    ],
)
@pytest.mark.usefixtures("configured")
def test_every_command_knows_the_folder(cli: CliRunner, arguments: list[str]) -> None:
    result = cli.invoke(app, arguments)

    assert result.exit_code == 0, result.output


@pytest.mark.thorough
@pytest.mark.usefixtures("configured")
def test_editors_complete_the_actions_of_the_folder(cli: CliRunner) -> None:
    assert "acme:greet" in cli.invoke(app, ["schema"]).stdout


def test_wrong_input_of_an_own_action_is_found(cli: CliRunner, project: Path) -> None:
    (project / ".backstage-py.yaml").write_text("actions-folder: actions\n")
    (project / "template.yaml").write_text(TEMPLATE.replace("input: {name:", "input: {nme:"))

    found = json.loads(cli.invoke(app, ["validate", "--format", "json"]).stdout)["problems"]

    assert {one["code"] for one in found if one["severity"] == "error"} == {"BPY202", "BPY203"}


@pytest.mark.parametrize("arguments", [["validate"], ["dry-run", ".", "-v", "name=ada"], ["actions"], ["schema"]])
def test_file_that_cannot_be_loaded_is_named_with_its_line(cli: CliRunner, project: Path, arguments: list[str]) -> None:
    (project / ".backstage-py.yaml").write_text("actions-folder: actions\n")
    (project / "actions" / "broken.py").write_text("\nx = (\n")

    result = cli.invoke(app, arguments)

    assert result.exit_code == 2
    assert "broken.py:2: SyntaxError" in result.stderr
    assert result.stdout == ""


def test_folder_that_does_not_exist_is_said(cli: CliRunner, project: Path) -> None:
    (project / ".backstage-py.yaml").write_text("actions-folder: nowhere\n")

    result = cli.invoke(app, ["validate"])

    assert result.exit_code == 2
    assert "nowhere does not exist" in result.stderr


def test_each_path_is_checked_with_the_configuration_above_it(cli: CliRunner, project: Path) -> None:
    (project / ".backstage-py.yaml").write_text("actions-folder: actions\n")
    other = project / "other"
    other.mkdir()
    (other / ".backstage-py.yaml").write_text("severity: {BPY402: off}\n")
    (other / "template.yaml").write_text(TEMPLATE.replace("acme:greet", "debug:log").replace('name: "$', 'message: "$'))

    result = cli.invoke(app, ["validate", "template.yaml", "other/template.yaml", "--format", "json"])

    codes = {(one["file"], one["code"]) for one in json.loads(result.stdout)["problems"]}
    assert not [code for _, code in codes if code in ("BPY201", "BPY402")]


def test_declared_actions_are_those_of_ones_backstage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("| shout", ""))
    (tmp_path / "listing.json").write_text('[{"id": "acme:greet", "schema": {}}]')
    for declared in ("listing.json", '{id: "acme:greet", description: Greets.}'):
        (tmp_path / ".backstage-py.yaml").write_text(f"actions: [{declared}]\n")
        result = CliRunner().invoke(app, ["validate", "template.yaml"])
        listed = CliRunner().invoke(app, ["actions"])

        assert "BPY801" not in result.stdout
        assert "BPY201" not in result.stdout
        assert any(line.split()[:2] == ["acme:greet", "declared"] for line in listed.stdout.splitlines())


def test_an_installed_action_is_listed_under_its_package_with_all_that_its_fields_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "acme_tools-1.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tools\nVersion: 1\n")
    (site / "entry_points.txt").write_text("[backstage_py.actions]\nacme = acme_tools_of_a_test\n")
    (tmp_path / "acme_tools_of_a_test.py").write_text(
        ACTIONS.replace("    name: str\n", "    name: str = 'Ada'\n    others: list['Output'] | None = None\n", 1)
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    listed = CliRunner().invoke(app, ["actions"]).stdout
    shown = CliRunner().invoke(app, ["actions", "acme:greet"]).stdout

    assert any(line.split()[:2] == ["acme:greet", "acme-tools"] for line in listed.splitlines())
    assert '| `name` | string | default: `"Ada"` |' in shown
    assert "| `others[].text` (required) | string |  |" in shown
