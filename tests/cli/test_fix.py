"""``validate --fix`` and ``--diff`` as an author meets them: what is written, what is shown, what is left alone."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app
from backstage_py.cli.terminal import output
from backstage_py.errors import InputError
from backstage_py.model.json import JsonObject

GOOD = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  owner: team-a
  type: service
  parameters:
    properties: {name: {type: string}}
  steps:
    - id: fetch
      action: fetch:template
      input: {url: ./skeleton, values: {name: "${{ parameters.name }}"}}
"""
WRONG = GOOD.replace("parameters.name", "parameters.nmae")
WORKFLOW = "ref: ${{ github.ref }} # ${{ values.name }}"


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "skeleton/.github/workflows").mkdir(parents=True)
    (tmp_path / "skeleton/.github/workflows/ci.yaml").write_text(WORKFLOW)
    return tmp_path


def test_files_are_mended_and_what_is_left_is_reported(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(WRONG.replace("team-a\n", "team-a\n  lifecycl: new\n  owners: [x]\n"))

    result = cli.invoke(app, ["validate", "--fix", "--format", "json"])

    assert result.stderr == "Fixed 3 problems in 2 files.\n"
    assert json.loads(result.stdout) == {"problems": []}
    assert (folder / "template.yaml").read_text() == GOOD.replace(
        "team-a\n", "team-a\n  lifecycle: new\n  owners: [x]\n"
    )
    escaped = WORKFLOW.replace("${{ github.ref }}", "{% raw %}${{ github.ref }}{% endraw %}")
    assert (folder / "skeleton/.github/workflows/ci.yaml").read_text() == escaped
    assert cli.invoke(app, ["validate", "--fix"]).stderr == "Nothing to fix.\n"


def test_mode_links_and_line_ends_stay(cli: CliRunner, folder: Path) -> None:
    (folder / "real.yaml").write_bytes(b"\xef\xbb\xbf" + WRONG.replace("\n", "\r\n").encode())
    (folder / "real.yaml").chmod(0o640)
    (folder / "template.yaml").symlink_to("real.yaml")

    assert cli.invoke(app, ["validate", "--fix", "template.yaml"]).exit_code == 0

    assert (folder / "template.yaml").is_symlink()
    assert (folder / "real.yaml").read_bytes() == b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert (folder / "real.yaml").stat().st_mode & 0o777 == 0o640
    assert [one.name for one in folder.iterdir() if one.name.startswith(".real")] == []


@pytest.mark.thorough
def test_diff_is_what_fix_would_do_and_git_applies_it(cli: CliRunner, folder: Path) -> None:
    """With CRLF in one file, and without a line end in the other."""
    (folder / "template.yaml").write_bytes(WRONG.replace("\n", "\r\n").encode())

    result = cli.invoke(app, ["validate", "--diff"])

    assert (result.exit_code, result.stderr) == (1, "Would fix 2 problems in 2 files.\n")
    assert (folder / "template.yaml").read_bytes() == WRONG.replace("\n", "\r\n").encode()
    copy = folder / "copy"
    copy.mkdir()
    shutil.copytree(folder / "skeleton", copy / "skeleton")
    shutil.copy(folder / "template.yaml", copy)
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder)}
    subprocess.run(["git", "apply", "-"], cwd=copy, input=result.stdout_bytes, check=True, env=environment)
    cli.invoke(app, ["validate", "--fix"])
    for name in ("template.yaml", "skeleton/.github/workflows/ci.yaml"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes()
    assert cli.invoke(app, ["validate", "--diff"]).exit_code == 0


def test_sarif_says_what_to_replace(cli: CliRunner, folder: Path) -> None:
    """In UTF-16 units, as its columns are; what it says makes of each file what ``--fix`` does."""
    (folder / "template.yaml").write_text(WRONG.replace('"${{', '"\U0001f600 ${{').replace("- id: fetch\n     ", "-"))

    (run,) = json.loads(cli.invoke(app, ["validate", "-f", "sarif"]).stdout)["runs"]

    fixes = [fix for result in run["results"] for fix in result.get("fixes", ())]
    assert sorted(fix["description"]["text"] for fix in fixes) == [
        "Add id: fetchTemplate",
        "Escape the expressions of GitHub Actions",
        'Write "name"',
    ]
    made: dict[str, list[JsonObject]] = {}
    for change in (change for fix in fixes for change in fix["artifactChanges"]):
        made.setdefault(change["artifactLocation"]["uri"], []).extend(change["replacements"])
    replaced = {name: with_replacements((folder / name).read_text(), changes) for name, changes in made.items()}
    cli.invoke(app, ["validate", "--fix"])
    assert replaced == {name: (folder / name).read_text() for name in made}


def with_replacements(text: str, replacements: list[JsonObject]) -> str:
    units = [line.encode("utf-16-le") for line in text.split("\n")]

    def offset(region: JsonObject, which: str) -> int:
        line, column = int(region[f"{which}Line"]), int(region[f"{which}Column"])
        return sum(len(one) + 2 for one in units[: line - 1]) + 2 * (column - 1)

    data = text.encode("utf-16-le")
    for one in sorted(replacements, key=lambda one: -offset(one["deletedRegion"], "start")):
        region, written = one["deletedRegion"], one["insertedContent"]["text"].encode("utf-16-le")
        data = data[: offset(region, "start")] + written + data[offset(region, "end") :]
    return data.decode("utf-16-le")


def test_standard_input_is_mended_for_editors(cli: CliRunner, folder: Path) -> None:
    result = cli.invoke(app, ["validate", "--fix", "-"], input=WRONG)

    assert (result.exit_code, result.stdout) == (0, GOOD)
    assert result.stderr == "No problems found.\n"
    shown = cli.invoke(app, ["validate", "--diff", "-", "--stdin-file", "here.yaml"], input=WRONG).stdout
    assert shown.startswith("--- a/here.yaml\n+++ b/here.yaml\n")


@pytest.mark.parametrize(
    ("arguments", "data", "status", "message"),
    [
        (["--fix", "-", "."], b"", 2, "--fix takes - alone"),
        (["--fix", "-"], b"a: \xff", 2, "- is no UTF-8 (byte 3)"),
        (["--fix", "nowhere.yaml"], b"", 2, "nowhere.yaml does not exist"),
        (["--fix", "latin.yaml"], b"", 0, "latin.yaml is no UTF-8 (byte 305); it is left as it is: save it as UTF-8"),
    ],
)
def test_what_cannot_be_mended_is_said(
    cli: CliRunner, folder: Path, arguments: list[str], data: bytes, status: int, message: str
) -> None:
    (folder / "latin.yaml").write_bytes(WRONG.encode() + b"# \xe4")

    result = cli.invoke(app, ["validate", *arguments], input=data)

    assert result.exit_code == status
    assert message in result.stderr
    assert (folder / "latin.yaml").read_bytes() == WRONG.encode() + b"# \xe4"


def test_file_that_changes_meanwhile_is_left(folder: Path) -> None:
    file = folder / "template.yaml"
    file.write_text("the author's")

    with pytest.raises(InputError, match=r"template\.yaml was changed meanwhile; it is left as it is: run the command"):
        output.replace_file(file, b"what was read", b"mended")

    assert file.read_text() == "the author's"
    assert {one.name for one in folder.iterdir()} == {"template.yaml", "skeleton"}
