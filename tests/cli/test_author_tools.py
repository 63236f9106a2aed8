"""actions, filters, schema, lsp and dev: what helps while a template is written."""

import asyncio
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient
from typer.testing import CliRunner

from backstage_py import bundled
from backstage_py.cli.commands import dev
from backstage_py.cli.local.trust import of_environment
from backstage_py.cli.main import app
from backstage_py.lint import filter_docs, vocabulary
from backstage_py.model import yaml
from backstage_py.model.json import Json
from tests import patience
from tests.contract.harness import recorded
from tests.forges.differences import HOSTS, table

HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
BROKEN = HEAD + "  steps:\n    - id: log\n      action: debug:log\n      input:\n        message: ${{ a || 'b' }}\n"


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


# --- actions and filters


def test_actions_are_listed_with_their_origin(cli: CliRunner) -> None:
    lines = cli.invoke(app, ["actions"]).stdout.splitlines()

    assert any(line.split()[:2] == ["fetch:template", "builtin"] for line in lines)
    assert any(line.split()[:2] == ["roadiehq:utils:fs:write", "community"] for line in lines) or any(
        line.split()[:2] == ["roadiehq:utils:fs:write", "builtin"] for line in lines
    )


def test_every_official_action_runs_or_says_why_not(cli: CliRunner) -> None:
    """Those of Backstage's backend and of its modules that were recorded; the others need what nobody brings here."""
    backend = next(one["response"]["body"] for one in recorded("scaffolder") if one["name"] == "actions")
    official = {one["id"] for one in backend} | {one["id"] for host in HOSTS for one in table(f"{host}-actions")}
    listed = {line.split()[0]: line for line in cli.invoke(app, ["actions"]).stdout.splitlines()}

    for action in sorted(official | {"fetch:cookiecutter", "notification:send"}):
        assert listed[action].split()[1] == "builtin", action
        assert "needs the extra" not in listed[action]
    for action in ("sentry:project:create", "fetch:rails", "run:yeoman"):
        assert "Not run here: " in listed[action]


def test_action_is_documented_with_inputs_and_examples(cli: CliRunner) -> None:
    text = cli.invoke(app, ["actions", "fetch:plain"]).stdout

    assert text.startswith("## fetch:plain\n")
    assert "| `url` (required) | string |" in text
    assert "```yaml\nsteps:" in text


def test_all_actions_as_markdown(cli: CliRunner) -> None:
    text = cli.invoke(app, ["actions", "--markdown"]).stdout

    assert text.startswith("# Actions\n")
    assert "\n## publish:github\n" in text


def test_unknown_action_names_the_nearest(cli: CliRunner) -> None:
    result = cli.invoke(app, ["actions", "fetch:plan"])

    assert result.exit_code == 2
    assert "did you mean 'fetch:plain'?" in result.stderr


def test_filters_are_documented(cli: CliRunner) -> None:
    assert "parseRepoUrl" in cli.invoke(app, ["filters"]).stdout
    assert cli.invoke(app, ["filters", "parseRepoUrl"]).stdout.startswith("## parseRepoUrl\n")
    listed = json.loads(cli.invoke(app, ["filters", "--json"]).stdout)
    assert {"lower", "pick"} <= {one["id"] for one in listed}
    assert all(one["description"] for one in listed)


def test_every_filter_has_an_example_that_the_engine_runs(cli: CliRunner) -> None:
    text = cli.invoke(app, ["filters", "--markdown"]).stdout

    assert "${{ 'a-b-c' | replace('-', '_') }}   {# a_b_c #}" in text
    assert set(filter_docs.DOCS) == vocabulary.FILTERS


# --- schema


@pytest.fixture
def schema(cli: CliRunner) -> jsonschema.Draft7Validator:
    made = json.loads(cli.invoke(app, ["schema"]).stdout)
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def test_schema_accepts_our_golden_paths(schema: jsonschema.Draft7Validator) -> None:
    for path in bundled.skeletons().glob("*/template.yaml"):
        assert list(schema.iter_errors(yaml.load(path.read_text()))) == [], path


def template(step: Json) -> Json:
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "x"},
        "spec": {"type": "service", "steps": [step]},
    }


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize(
    ("step", "accepted"),
    [
        ({"action": "debug:wait", "input": {"seconds": 5}}, True),
        ({"action": "debug:wait", "input": {"seconds": "${{ parameters.x }}"}}, True),
        ({"action": "debug:wait", "input": {"seconds": "5"}}, False),
        ({"action": "debug:wait", "input": {"secnds": 5}}, False),
        ({"action": "fetch:plain"}, False),
        ({"action": "acme:own", "input": {"any": 1}}, True),
    ],
)
def test_schema_checks_inputs_by_action(
    schema: jsonschema.Draft7Validator,
    step: Json,
    accepted: bool,  # a parameter
) -> None:
    assert schema.is_valid(template(step)) is accepted


@pytest.mark.thorough
@pytest.mark.parametrize(("condition", "accepted"), [("parameters.x", True), (False, True), (3, False)])
def test_schema_knows_the_conditions_of_pages(
    schema: jsonschema.Draft7Validator,
    condition: Json,
    accepted: bool,  # a parameter
) -> None:
    made = template({"action": "acme:own"})
    made["spec"]["parameters"] = [{"properties": {}}, {"when": condition, "properties": {}}]
    assert schema.is_valid(made) is accepted


def test_schema_in_a_file_comes_with_instructions(
    cli: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = cli.invoke(app, ["schema", "-o", "template.schema.json"])

    assert "# yaml-language-server: $schema=template.schema.json" in result.stdout
    assert json.loads((tmp_path / "template.schema.json").read_text())["title"]


# --- lsp


@pytest.mark.thorough
async def test_language_server_talks_to_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(BROKEN)
    client = LanguageClient("test", "1")
    published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]  # pygls has no type for it
    def take(params: types.PublishDiagnosticsParams) -> None:
        published.put_nowait(params)

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    await client.start_io(sys.executable, "-m", "backstage_py.cli", "lsp", env=environment)
    try:
        await client.initialize_async(types.InitializeParams(types.ClientCapabilities(), root_uri=tmp_path.as_uri()))
        document = types.TextDocumentIdentifier(path.as_uri())
        client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(path.as_uri(), "yaml", 1, BROKEN))
        )
        (diagnostic,) = (await asyncio.wait_for(published.get(), patience.SECONDS)).diagnostics
        assert (diagnostic.code, diagnostic.range.start.line) == ("BPY401", 9)

        offered = await client.text_document_completion_async(
            types.CompletionParams(document, types.Position(7, len("      action: ")))
        )
        assert isinstance(offered, types.CompletionList)
        assert "fetch:template" in {one.label for one in offered.items}

        shown = await client.text_document_hover_async(types.HoverParams(document, types.Position(7, 18)))
        assert shown is not None
        assert isinstance(shown.contents, types.MarkupContent)
        assert shown.contents.value.startswith("**debug:log**")

        client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(2, path.as_uri()),
                [types.TextDocumentContentChangeWholeDocument(BROKEN.replace("a || 'b'", "'b'"))],
            )
        )
        assert list((await asyncio.wait_for(published.get(), patience.SECONDS)).diagnostics) == []
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()  # type: ignore[no-untyped-call]  # as above


# --- dev


async def test_dev_checks_and_renders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "template.yaml").write_text(BROKEN)
    assert await dev.check(tmp_path, of_environment()) is False
    assert "error BPY401" in capsys.readouterr().out

    (tmp_path / "template.yaml").write_text(BROKEN.replace("a || 'b'", "'b'"))
    (tmp_path / "template.test.yaml").write_text("cases: [{name: runs, expect: {steps: {log: completed}}}]\n")
    assert await dev.check(tmp_path, of_environment()) is True
    assert "1 passed" in capsys.readouterr().out

    (tmp_path / "template.yaml").write_text(BROKEN.replace("a || 'b'", "'now' || 'b'"))
    assert await dev.check(tmp_path, of_environment()) is False
    assert "message: ${{ 'now' || 'b' }}" in capsys.readouterr().out


def test_dev_needs_a_folder(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(app, ["dev", str(tmp_path / "nowhere")])

    assert result.exit_code == 2
    assert "is no folder" in result.stderr


# --- hooks


def test_hooks_and_action_name_commands_that_exist(cli: CliRunner) -> None:
    root = Path(__file__).parents[2]
    hooks = yaml.load((root / ".pre-commit-hooks.yaml").read_text())
    action = yaml.load((root / "action.yml").read_text())

    for hook in hooks:
        assert cli.invoke(app, [*hook["entry"].split()[1:], "--help"]).exit_code == 0
    assert action["runs"]["using"] == "composite"


def test_shell_completion_can_be_shown(cli: CliRunner) -> None:
    assert "--show-completion" in cli.invoke(app, ["--help"]).stdout
