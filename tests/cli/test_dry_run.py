"""dry-run: a template's steps, logs and tree, without any effect outside."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.local import form, given_values
from backstage_py.cli.main import app
from backstage_py.model.json import JsonObject
from tests.cli import example


def test_dry_run_shows_steps_logs_tree_and_output(cli: CliRunner, template: Path) -> None:
    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop"])

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "✓ Fill in (fetch:template): completed" in lines
    assert "- debug:log (debug:log): skipped" in lines
    assert "    Skipping because publish:github does not support dry-run" in lines
    assert "├── README.md  (15 B)" in lines
    assert "└── run.sh*  (10 B)" in lines
    assert "      content: shop" in lines


def test_dry_run_answers_as_the_service_does(cli: CliRunner, template: Path) -> None:
    answer = json.loads(cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--json"]).stdout)

    assert set(answer) == {"log", "directoryContents", "output", "steps"}
    assert [file["path"] for file in answer["directoryContents"]] == ["README.md", "run.sh"]


def test_dry_run_keeps_the_tree(cli: CliRunner, template: Path) -> None:
    cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "-v", "size=large", "--out", "result"])

    assert (template / "result" / "README.md").read_text() == "# shop (large)\n"
    assert (template / "result" / "run.sh").stat().st_mode & 0o111


def test_dry_run_shows_what_differs(cli: CliRunner, template: Path) -> None:
    (template / "old").mkdir()
    (template / "old" / "README.md").write_text("# old\n")

    lines = cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--against", "old"]).stdout.splitlines()

    assert "-# old" in lines
    assert "+# shop (small)" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dry-run", "."], "name is required; give --values name="),
        (["dry-run", ".", "-v", "name=Shop"], "does not match pattern"),
        (["dry-run", "nowhere"], "Cannot read nowhere: no such file or directory"),
        (["dry-run", ".", "-v", "missing.yaml"], "values are a file, or name=value"),
        (["dry-run", ".", "-v", "a=[1"], "The value of 'a' is no YAML"),
        (["dry-run", "skeleton"], "There is no template.yaml in skeleton"),
        (["dry-run", "skeleton/README.md"], "holds no template"),
    ],
)
def test_what_cannot_run_says_why(cli: CliRunner, template: Path, arguments: list[str], message: str) -> None:
    result = cli.invoke(app, arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_skeleton_path_that_does_not_render_says_where(cli: CliRunner, template: Path) -> None:
    (template / "skeleton" / "${{ values.name | nosuch }}.txt").write_text("")

    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop"])

    assert result.exit_code == 1
    assert (
        'TemplateRenderError: skeleton/${{ values.name | nosuch }}.txt:1:19: Unknown filter "nosuch"' in result.stdout
    )


def test_failing_step_shows_its_log_and_ends_with_1(cli: CliRunner, template: Path) -> None:
    (template / "template.yaml").write_text(example.TEMPLATE.replace("./skeleton", "./nothing"))

    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop"])

    assert result.exit_code == 1
    assert "✗ Fill in (fetch:template): failed" in result.stdout
    assert "Failed: " in result.stdout


def test_sandbox_runs_external_actions_for_real(cli: CliRunner, template: Path) -> None:
    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--sandbox"])

    assert result.exit_code == 0, result.stdout
    assert "✓ publish:github (publish:github): completed" in result.stdout
    assert "has no input" not in result.stdout


def test_input_that_only_backstage_refuses_is_told_in_the_log(cli: CliRunner, template: Path) -> None:
    (template / "template.yaml").write_text(
        example.TEMPLATE.replace("input: {repoUrl", "input: {allowedHosts: [x], repoUrl")
    )

    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--sandbox"])

    assert result.exit_code == 0
    assert "publish:github has no input 'allowedHosts', and Backstage refuses it" in result.stdout
    assert "/acme/shop" in result.stdout


# --- values


@pytest.mark.parametrize(
    ("given", "name"),
    [("it's: nice", "it's: nice"), ("1.10", "1.10"), ("true", "true"), ("'shop'", "shop"), ("", ""), ("[a", "[a")],
)
def test_a_value_that_the_form_wants_as_text_is_text(cli: CliRunner, template: Path, given: str, name: str) -> None:
    text = example.TEMPLATE.replace(', pattern: "^[a-z]+$"', "")
    (template / "template.yaml").write_text(text)

    result = cli.invoke(app, ["dry-run", ".", "-v", f"name={given}", "-v", "loud=true", "-v", "volume=3", "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["output"]["text"][0]["content"] == name


def test_secrets_are_texts() -> None:
    assert given_values.read_secrets(["pin=0123", "flag=true", "quoted='a b'"]) == {
        "pin": "0123",
        "flag": "true",
        "quoted": "a b",
    }


def test_values_of_files_and_pairs_are_merged(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("name: file\ndeep: {a: 1}\n")

    values = given_values.read([str(tmp_path / "values.yaml"), "name=pair", "deep.b=[x]", "flag=yes", "no="])

    assert values == {"name": "pair", "deep": {"a": 1, "b": ["x"]}, "flag": "yes", "no": ""}


def test_defaults_follow_what_was_entered() -> None:
    page: JsonObject = {
        "properties": {
            "kind": {"enum": ["a", "b"], "default": "b"},
            "inner": {"type": "object", "properties": {"x": {"default": 1}}},
        },
        "dependencies": {
            "kind": {
                "oneOf": [
                    {"properties": {"kind": {"const": "a"}, "only_a": {"default": 1}}},
                    {"properties": {"kind": {"enum": ["b"]}, "only_b": {"default": 2}}},
                ]
            }
        },
        "allOf": [
            {
                "if": {"properties": {"only_b": {"const": 2}}, "required": ["only_b"]},
                "then": {"properties": {"then": {"default": True}}},
                "else": {"properties": {"else": {"default": True}}},
            }
        ],
    }

    assert form.with_defaults([page], {}) == {"kind": "b", "inner": {"x": 1}, "only_b": 2, "then": True}
    assert form.with_defaults([page], {"kind": "a"})["only_a"] == 1
