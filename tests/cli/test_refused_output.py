"""Where a command cannot write: said in plain words, before the work where that is possible, never as a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app

COMMAND = [sys.executable, "-m", "backstage_py.cli"]
TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  owner: platform
  type: service
  parameters:
    - required: [name]
      properties: {name: {type: string}, part: {type: object, required: [size], properties: {size: {type: integer}}}}
  steps:
    - {id: fetch, name: Fetch, action: fetch:plain, input: {url: ./skeleton}}
    - id: publish
      name: Publish
      action: publish:github
      input: {repoUrl: "github.com?owner=acme&repo=${{ parameters.name }}"}
"""


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "a.txt").write_text("one\n")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "a.test.yaml").write_text("cases:\n  - {name: one, values: {name: shop}}\n")
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "--output", "no/such/x.json"],
        ["validate", "--output", "skeleton"],
        ["schema", "--output", "no/such/x.json"],
        ["dry-run", ".", "-v", "name=shop", "--out", "file"],
        ["dry-run", ".", "-v", "name=shop", "--against", "nowhere"],
        ["run", ".", "-v", "name=shop", "--yes", "--sandbox", "--out", "file/below"],
        ["test", "--junit", "no/such/x.xml"],
        ["test", "--keep", "file"],
        ["new", "template", "shop", "--out", "file/below"],
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_written_is_said_before_the_work(cli: CliRunner, arguments: list[str]) -> None:
    result = cli.invoke(app, arguments)

    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1


@pytest.mark.thorough
@pytest.mark.parametrize("arguments", [["validate", "--format", "json"], ["actions"], ["test"], ["filters", "--json"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_full_disk_is_one_sentence(folder: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 2
    assert done.stderr == "backstage-py: No space left on device\n"


@pytest.mark.thorough
@pytest.mark.parametrize("arguments", [["actions", "--markdown"], ["schema"], ["validate", "--format", "sarif"]])
def test_reader_that_has_seen_enough_ends_it_quietly(folder: Path, arguments: list[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


# --- what cannot be read


@pytest.mark.parametrize(
    ("name", "reason"), [("template.yaml", "it is binary"), ("catalog-info.yaml", "the limit is 5.0 MB")]
)
def test_file_of_a_folder_that_must_hold_an_entity_is_not_passed_over(
    cli: CliRunner, folder: Path, name: str, reason: str
) -> None:
    path = folder / "below" / name
    path.parent.mkdir()
    if name == "template.yaml":
        path.write_bytes(bytes(range(256)))
    else:
        with path.open("wb") as file:
            file.truncate(100 * 1024 * 1024)

    result = cli.invoke(app, ["validate", "--format", "json"])

    (problem,) = (one for one in json.loads(result.stdout)["problems"] if one["severity"] == "error")
    assert (problem["file"], problem["code"]) == (f"below/{name}", "BPY001")
    assert reason in problem["message"]


@pytest.mark.usefixtures("folder")
def test_all_that_is_missing_is_said_with_how_to_give_it(cli: CliRunner) -> None:
    result = cli.invoke(app, ["dry-run", ".", "-v", "nme=shop", "-v", "part.x=1"])

    assert result.exit_code == 2
    assert "does not ask for 'nme'; did you mean 'name'?" in result.stderr
    assert "name is required; give --values name=" in result.stderr
    assert "part.size is required; give --values part.size=" in result.stderr


@pytest.mark.usefixtures("folder")
def test_no_case_of_that_name(cli: CliRunner) -> None:
    result = cli.invoke(app, ["test", "--only", "two"])

    assert result.exit_code == 2
    assert "no case has 'two' in its name" in result.stderr


# --- what is kept


@pytest.mark.thorough
def test_sandbox_can_be_tried_again_into_the_same_folder(cli: CliRunner, folder: Path) -> None:
    results = [cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--sandbox", "--out", "kept"]) for _ in range(2)]

    assert [one.exit_code for one in results] == [0, 0], results[1].output
    assert "Kept in kept, repositories in " in results[1].stdout
    assert (folder / "kept" / "a.txt").read_text() == "one\n"


def test_equal_folder_is_said_to_be_equal(cli: CliRunner, folder: Path) -> None:
    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--against", str(folder / "skeleton")])

    assert "Nothing differs from" in result.stdout
