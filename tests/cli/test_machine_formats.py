"""What machines read of the author's commands: one option for all, and one document on standard output."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app
from tests.cli import example


@pytest.mark.parametrize(
    "arguments",
    [["dry-run", ".", "-v", "name=shop"], ["actions"], ["actions", "debug:log"], ["filters"], ["filters", "pick"]],
)
def test_the_old_option_is_the_new_one(cli: CliRunner, template: Path, arguments: list[str]) -> None:
    new, old = (cli.invoke(app, [*arguments, *option]).stdout for option in (["--format", "json"], ["--json"]))

    assert type(json.loads(new)) is type(json.loads(old))
    assert arguments[0] == "dry-run" or new == old


def test_outcome_of_a_dry_run(cli: CliRunner, template: Path) -> None:
    done = json.loads(cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--format", "json"]).stdout)
    (template / "skeleton" / "README.md").write_text("${{ values.name | nonsense }}")
    failed = json.loads(cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--format", "json"]).stdout)

    assert set(done) == {"log", "directoryContents", "output", "steps"}
    assert set(failed) == {*done, "error"}
    assert set(failed["error"]) == {"name", "message"}


def test_outcome_of_cases(cli: CliRunner, template: Path) -> None:
    cases = "  - {name: good, values: {name: shop}}\n  - {name: bad, values: {name: shop}, expect: {error: never}}\n"
    example.write_cases(template, cases)

    result = cli.invoke(app, ["test", "--format", "json"])
    told = json.loads(result.stdout)

    assert (result.exit_code, told["passed"], told["failed"]) == (1, 1, 1)
    assert [(one["name"], one["passed"], bool(one["differences"])) for one in told["cases"]] == [
        ("good", True, False),
        ("bad", False, True),
    ]
    assert set(told["cases"][0]) == {
        "file", "line", "name", "template", "passed", "seconds", "differences", "notes"
    }  # fmt: skip


def test_watching_writes_no_json(cli: CliRunner, template: Path) -> None:
    result = cli.invoke(app, ["test", "--watch", "--format", "json"])

    assert result.exit_code == 2
    assert "--watch" in result.output
