"""``backstage-py config`` as an operator calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app
from backstage_py.settings import schema

_SECRET = "c3VwZXItc2VjcmV0LXZhbHVl"
_CONFIG = f"""
app: {{title: '${{TITLE}}'}}
backend:
  listen: ':7010'
  database: {{client: pg, connection: 'postgresql://me:{_SECRET}@db.example/portal'}}
  auth: {{externalAccess: [{{type: static, options: {{token: {_SECRET}, subject: ci}}}}]}}
integrations: {{github: [{{host: github.com, token: {{$file: token.txt}}}}]}}
terraform: {{environment: {{CLOUD: {_SECRET}}}}}
techdocs: {{builder: {_SECRET}}}
"""


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app-config.yaml").write_text(_CONFIG, encoding="utf-8")
    (tmp_path / "token.txt").write_text(_SECRET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TITLE", "Acme")
    return tmp_path


def test_check_says_what_is_not_read_and_counts_the_rest(folder: Path, cli: CliRunner) -> None:
    result = cli.invoke(app, ["config", "check"])

    lines = result.stdout.splitlines()
    assert lines[0] == "app-config.yaml:9: not ours: techdocs: the TechDocs plugin reads it"
    assert lines[-1].startswith("app-config.yaml: ")
    assert "1 not ours" in lines[-1]
    assert result.exit_code == 0
    assert _SECRET not in result.output
    assert (folder / "app-config.yaml").exists()


def test_check_for_programs_and_its_exit_status(folder: Path, cli: CliRunner) -> None:
    (folder / "second.yaml").write_text("backend: {logger: {level: loud}}\nacme: 1\n", encoding="utf-8")
    options = ["-c", "app-config.yaml", "-c", "second.yaml", "--format", "json"]
    result = cli.invoke(app, ["config", "check", *options])

    told = json.loads(result.stdout)
    (wrong,) = [one for one in told["keys"] if one["answer"] == "wrong"]
    assert (wrong["key"], wrong["file"], wrong["line"]) == ("backend.logger.level", "second.yaml", 1)
    assert told["counts"]["wrong"] == 1
    assert result.exit_code == 1

    (folder / "second.yaml").write_text("acme: 1\n", encoding="utf-8")
    assert cli.invoke(app, ["config", "check", *options]).exit_code == 0
    assert cli.invoke(app, ["config", "check", *options, "--strict"]).exit_code == 1


def test_show_says_where_each_value_is_from_and_no_secret(
    folder: Path, cli: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_CONFIG_scaffolder_concurrentTasksLimit", "3")
    result = cli.invoke(app, ["config", "show"])

    lines = set(result.stdout.splitlines())
    assert {
        'app.title: "Acme"  # app-config.yaml:2 (${TITLE})',
        'backend.listen: ":7010"  # app-config.yaml:4',
        'backend.database.connection: "***"  # app-config.yaml:5',
        'integrations.github[0].token: "***"  # app-config.yaml:7 ($file: token.txt)',
        "scaffolder.concurrentTasksLimit: 3  # APP_CONFIG_scaffolder_concurrentTasksLimit",
        'scaffolder.taskTimeout: "86400s"  # default',
        'backend.baseUrl: "http://localhost:7010"  # default',
    } <= lines
    assert _SECRET not in result.output
    assert "techdocs" not in result.output
    assert folder.is_dir()


def test_show_of_one_section_for_programs(folder: Path, cli: CliRunner) -> None:
    told = json.loads(cli.invoke(app, ["config", "show", "app.", "--format", "json"]).stdout)
    assert told == {"settings": [{"key": "app.title", "value": "Acme", "source": "app-config.yaml:2 (${TITLE})"}]}
    assert folder.is_dir()


def test_schema_is_that_of_the_settings(cli: CliRunner) -> None:
    assert json.loads(cli.invoke(app, ["config", "schema"]).stdout) == schema.app_config()


@pytest.mark.parametrize("command", ["check", "show", "schema"])
def test_help_shows_examples(command: str, cli: CliRunner) -> None:
    assert f"$ backstage-py config {command}" in cli.invoke(app, ["config", command, "--help"]).stdout
