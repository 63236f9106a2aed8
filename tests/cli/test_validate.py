"""``backstage-py validate`` as an author meets it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app

GLOBS = json.loads((Path(__file__).parents[1] / "golden/globs/globby-11.json").read_text(encoding="utf-8"))
HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
BROKEN = HEAD + "  steps:\n    - id: log\n      action: debug:log\n      input:\n        message: ${{ a || 'b' }}\n"
CLEAN = HEAD + "  steps:\n    - id: log\n      action: debug:log\n      input: {message: hello}\n"
OWN = HEAD + "  steps:\n    - id: own\n      action: acme:own\n      input: {wrong: 1}\n"


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_problem_is_shown_with_its_line_and_what_to_do(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(BROKEN)

    result = cli.invoke(app, ["validate"])

    assert result.exit_code == 1
    head, shown, caret, fix, summary = result.stdout.splitlines()
    assert head == 'template.yaml:10:25: error BPY401 Expected a name, not "|"'
    assert shown[caret.index("^") :] == "| 'b' }}"
    assert (fix, summary) == ('    fix: Write "or"', "1 error")


def test_clean_folder(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(CLEAN)

    result = cli.invoke(app, ["validate", "."])

    assert (result.exit_code, result.stdout) == (0, "No problems found.\n")


def test_nothing_to_check_is_said_and_a_failure_where_something_was_named(cli: CliRunner, folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "values.yaml").write_text("a: b\n")

    anywhere, named = cli.invoke(app, ["validate"]), cli.invoke(app, ["validate", "other", "-f", "json"])

    assert (anywhere.exit_code, named.exit_code) == (0, 2)
    assert anywhere.stderr == "backstage-py: 0 files checked: there is no template or catalog file\n"
    assert anywhere.stdout == ""
    assert named.stderr == "backstage-py: 0 files checked: there is no template or catalog file in other\n"
    assert json.loads(named.stdout) == {"problems": []}


def test_warnings_fail_only_when_strict(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(OWN)

    assert cli.invoke(app, ["validate"]).exit_code == 0
    assert cli.invoke(app, ["validate", "--strict"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml does not exist"),
        (["--explain", "BPY999"], "there is no rule 'BPY999'"),
        (["--actions-from", "ftp://x"], "'ftp://x' is no http(s) URL"),
    ],
)
def test_what_could_not_run_ends_with_2(cli: CliRunner, folder: Path, arguments: list[str], message: str) -> None:
    result = cli.invoke(app, ["validate", *arguments])

    assert result.exit_code == 2
    assert message in result.stderr


def test_standard_input(cli: CliRunner, folder: Path) -> None:
    result = cli.invoke(app, ["validate", "-", "--stdin-file", "here.yaml"], input=BROKEN)

    assert result.exit_code == 1
    assert result.stdout.startswith("here.yaml:10:25: error BPY401")


def test_json(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(BROKEN)

    result = cli.invoke(app, ["validate", "--format", "json"])

    assert json.loads(result.stdout) == {
        "problems": [
            {
                "file": "template.yaml",
                "line": 10,
                "column": 25,
                "severity": "error",
                "code": "BPY401",
                "message": 'Expected a name, not "|"',
                "fix": 'Write "or"',
            }
        ]
    }


def test_columns_count_as_editors_do_and_the_caret_stands_below(cli: CliRunner, folder: Path) -> None:
    """Columns are UTF-16 units, as in the protocol of language servers and in SARIF; a terminal shows cells."""
    (folder / "broken.yaml").write_text(BROKEN.replace("message: ", "message: \U0001f600 語 "))

    problem = json.loads(cli.invoke(app, ["validate", "broken.yaml", "-f", "json"]).stdout)["problems"][0]
    lines = cli.invoke(app, ["validate", "broken.yaml"]).stdout.splitlines()

    line = BROKEN.replace("message: ", "message: \U0001f600 語 ").splitlines()[problem["line"] - 1]
    assert problem["column"] == line.index("||") + 2 + 1  # the second bar; one character of two units stands before it
    assert lines[2].index("^") == len("    ") + line.index("||") + 1 + 2  # and two of two cells each


def test_sarif_of_a_path_elsewhere_is_a_uri(cli: CliRunner, folder: Path) -> None:
    (folder / "broken.yaml").write_text(BROKEN)

    log = json.loads(cli.invoke(app, ["validate", str(folder / "broken.yaml"), "-f", "sarif"]).stdout)

    (place,) = log["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == (folder / "broken.yaml").as_uri()


def test_sarif_names_the_rule(cli: CliRunner, folder: Path) -> None:
    (folder / "a b.yaml").write_text(BROKEN)

    run = json.loads(cli.invoke(app, ["validate", "a b.yaml", "-f", "sarif"]).stdout)["runs"][0]

    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "BPY401"
    assert rule["helpUri"].endswith("/docs/reference/rules/BPY401.md")
    location = result["locations"][0]["physicalLocation"]
    assert location == {"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 10, "startColumn": 25}}


def test_github_annotations_are_escaped(cli: CliRunner, folder: Path) -> None:
    (folder / "a,b.yaml").write_text(BROKEN)

    result = cli.invoke(app, ["validate", "a,b.yaml", "-f", "github"])

    assert (
        result.stdout == '::error file=a%2Cb.yaml,line=10,col=25,title=BPY401::Expected a name, not "|". Write "or"\n'
    )


def test_junit(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(BROKEN)

    cli.invoke(app, ["validate", "-f", "junit", "-o", "report.xml"])

    root = ET.parse(folder / "report.xml").getroot()
    assert root.attrib["failures"] == "1"
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["BPY401 at 10:25"]


def test_configuration_above_the_file(cli: CliRunner, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "template.yaml").write_text(BROKEN)
    (folder / ".backstage-py.yaml").write_text("severity: {expression-syntax: info}\n")

    assert "info BPY401" in cli.invoke(app, ["validate", "deep"]).stdout


def test_configuration_in_pyproject(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(BROKEN)
    (folder / "pyproject.toml").write_text('[tool.backstage-py]\nignore = ["BPY401"]\n')

    assert cli.invoke(app, ["validate"]).stdout == "No problems found.\n"


def test_project_without_a_table_of_tools_is_none_of_ours(cli: CliRunner, folder: Path) -> None:
    (folder / "template.yaml").write_text(BROKEN)
    (folder / "pyproject.toml").write_text("tool = 5\n")

    assert cli.invoke(app, ["validate"]).exit_code == 1


def test_excluded_paths(cli: CliRunner, folder: Path) -> None:
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "template.yaml").write_text(BROKEN)

    assert cli.invoke(app, ["validate", "--exclude", "**/fixtures/**"]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# ours\nseverty: {}", ".backstage-py.yaml:2: unknown key 'severty'; did you mean severity?"),
        ("ignore:\n  - BPY112\n  - BPY000", ".backstage-py.yaml:3: there is no rule 'BPY000'"),
        (
            'actions:\n  - id: "a:b"\n    input:\n      type: objekt',
            ".backstage-py.yaml:4: a:b: there is no type 'objekt'",
        ),
        ("severity: {BPY401: fatal}", "must be one of off, error, warning, info"),
        ("exclude: 5", "'exclude' must be a list of texts"),
        ("a: [", "Flow sequence"),
    ],
)
def test_wrong_configuration_names_the_key(cli: CliRunner, folder: Path, text: str, message: str) -> None:
    (folder / ".backstage-py.yaml").write_text(text + "\n")

    result = cli.invoke(app, ["validate"])

    line = result.stdout.splitlines()[0]
    assert result.exit_code == 1
    assert message.rpartition(": ")[2] in line
    assert line.startswith(message.partition(": ")[0]) or not message.startswith(".")
    assert cli.invoke(app, ["validate", "--fix"]).exit_code == 2  # nothing is changed by half a configuration


class Backstage(BaseHTTPRequestHandler):
    """Answers with one action, once it has seen the token."""

    calls = 0

    def do_GET(self) -> None:
        type(self).calls += 1
        right = self.path == "/api/scaffolder/v2/actions" and self.headers["Authorization"] == "Bearer secret"
        schema = {"type": "object", "properties": {"right": {}}, "additionalProperties": False}
        body = json.dumps([{"id": "acme:own", "schema": {"input": schema}}]).encode()
        self.send_response(200 if right else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def backstage() -> Iterator[str]:
    Backstage.calls = 0
    with HTTPServer(("127.0.0.1", 0), Backstage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_actions_of_a_running_backstage(
    cli: CliRunner, folder: Path, backstage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTAGE_TOKEN", "secret")
    (folder / "template.yaml").write_text(OWN)

    first = cli.invoke(app, ["validate", "--actions-from", backstage])
    again = cli.invoke(app, ["validate", "--actions-from", backstage])

    assert 'error BPY203 acme:own has no input "wrong"' in first.stdout
    assert first.stdout == again.stdout
    assert Backstage.calls == 1


def test_refused_listing_says_what_to_set(cli: CliRunner, folder: Path, backstage: str) -> None:
    result = cli.invoke(app, ["validate", "--actions-from", backstage])

    assert result.exit_code == 2
    assert "set BACKSTAGE_TOKEN" in result.stderr


@pytest.mark.thorough
def test_many_templates_are_checked_in_several_processes(cli: CliRunner, folder: Path) -> None:
    for number in range(60):
        (folder / str(number)).mkdir()
        (folder / str(number) / "template.yaml").write_text(BROKEN)

    result = cli.invoke(app, ["validate", "-f", "json"])

    assert len(json.loads(result.stdout)["problems"]) == 60


def test_rules_can_be_listed_and_explained(cli: CliRunner) -> None:
    assert "BPY401  error    expression-syntax" in cli.invoke(app, ["validate", "--rules"]).stdout
    assert "**expression-syntax** (error)" in cli.invoke(app, ["validate", "--explain", "bpy401"]).stdout


def test_nothing_heavy_is_imported_for_a_check(folder: Path) -> None:
    (folder / "template.yaml").write_text(BROKEN)
    heavy = ["starlette", "sqlalchemy", "aiohttp", "kubernetes", "cookiecutter", "backstage_py_actions", "rich.live"]
    code = (
        "import sys; from backstage_py.cli.commands import validate as v; from pathlib import Path;"
        f"v.run([Path('.')], v.ValidateOptions()); print([m for m in {heavy} if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())

    assert done.stdout.splitlines()[-1] == "[]"


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.thorough(sample=5)
@pytest.mark.parametrize("case", GLOBS["cases"], ids=lambda case: " ".join(case["patterns"]))
def test_files_are_looked_at_unless_they_are_copied_without_templating(
    cli: CliRunner, folder: Path, case: dict[str, list[str]]
) -> None:
    names = [name for name in GLOBS["files"] if "${{" not in name]
    for name in names:
        (folder / "skeleton" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "skeleton" / name).write_text("${{ values.x | nope }}")
    wanted = {"url": "./skeleton", "values": {"x": "1"}, "copyWithoutTemplating": case["patterns"]}
    step = {"id": "fetch", "action": "fetch:template", "input": wanted}
    (folder / "template.yaml").write_text(HEAD + f"  steps: [{json.dumps(step)}]\n")

    result = cli.invoke(app, ["validate", "--format", "json", "template.yaml"])

    problems = [one for one in json.loads(result.stdout)["problems"] if one["code"] == "BPY607"]
    seen = {one["file"].removeprefix("skeleton/") for one in problems}
    has_code = any("${{" in pattern for pattern in case["patterns"])
    assert seen == (set() if has_code else set(names) - set(case["selected"]))
