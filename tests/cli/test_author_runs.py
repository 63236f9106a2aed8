"""dry-run, test, run and new: templates run on this machine without a service."""

import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from backstage_py import bundled
from backstage_py.cli.commands import run as run_command
from backstage_py.cli.commands.run import RunOptions
from backstage_py.cli.local import form, given_values
from backstage_py.cli.main import app
from backstage_py.cli.terminal.form_prompts import Choice, Validate
from backstage_py.model.json import Json, JsonObject

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  parameters:
    - required: [name]
      properties:
        name: {type: string, pattern: "^[a-z]+$"}
        size: {type: string, enum: [small, large], default: small}
        loud: {type: boolean, default: false}
      dependencies:
        loud:
          oneOf:
            - properties: {loud: {const: true}, volume: {type: integer, minimum: 1}}
              required: [volume]
            - properties: {loud: {const: false}}
  secrets:
    schema: {type: object, properties: {token: {type: string}}}
  steps:
    - id: fetch
      name: Fill in
      action: fetch:template
      input:
        url: ./skeleton
        values: {name: "${{ parameters.name }}", size: "${{ parameters.size }}"}
    - id: shout
      if: ${{ parameters.loud }}
      action: debug:log
      input: {message: "LOUD ${{ parameters.volume }}"}
    - id: publish
      action: publish:github
      input: {repoUrl: "github.com?owner=acme&repo=${{ parameters.name }}"}
  output:
    links: [{title: Repository, url: "${{ steps.publish.output.remoteUrl }}"}]
    text: [{title: Name, content: "${{ parameters.name }}"}]
"""


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner()


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "README.md").write_text("# ${{ values.name }} (${{ values.size }})\n")
    script = tmp_path / "skeleton" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path


def write_cases(folder: Path, cases: str) -> None:
    (folder / "template.test.yaml").write_text("cases:\n" + cases)


# --- dry-run


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
    (template / "template.yaml").write_text(TEMPLATE.replace("./skeleton", "./nothing"))

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
    (template / "template.yaml").write_text(TEMPLATE.replace("input: {repoUrl", "input: {allowedHosts: [x], repoUrl"))

    result = cli.invoke(app, ["dry-run", ".", "-v", "name=shop", "--sandbox"])

    assert result.exit_code == 0
    assert "publish:github has no input 'allowedHosts', and Backstage refuses it" in result.stdout
    assert "/acme/shop" in result.stdout


# --- values


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


# --- test


def test_cases_pass(cli: CliRunner, template: Path) -> None:
    write_cases(
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
    write_cases(template, "  - {name: one, values: {name: shop}}\n")

    assert "the run failed in step fetch: " in cli.invoke(app, ["test"]).stdout


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
    write_cases(template, f"  - values: {{name: shop}}\n    {expectation}\n")

    result = cli.invoke(app, ["test"])

    assert result.exit_code == 1
    assert message in result.stdout
    assert "0 passed, 1 failed" in result.stdout


def test_golden_tree_is_written_and_compared(cli: CliRunner, template: Path) -> None:
    write_cases(template, "  - {name: tree, values: {name: shop}, golden: golden/shop}\n")

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


def test_golden_paths_of_this_project_pass_their_tests(cli: CliRunner) -> None:
    result = cli.invoke(app, ["test", str(bundled.skeletons())])

    assert result.exit_code == 0, result.stdout
    tested = {path.parent.name for path in bundled.skeletons().glob("*/*.test.yaml")}
    assert tested == {path.parent.name for path in bundled.skeletons().glob("*/template.yaml")}


# --- new


@pytest.mark.parametrize("kind", ["template", "golden-path"])
def test_what_new_writes_is_valid_and_passes_its_tests(
    cli: CliRunner, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.invoke(app, ["new", kind, "web-shop"]).exit_code == 0

    assert cli.invoke(app, ["validate", "web-shop"]).stdout == "No problems found.\n"
    assert cli.invoke(app, ["test", "web-shop"]).exit_code == 0


def test_new_action_is_a_package_with_an_entry_point(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(app, ["new", "action", "acme-greet", "--out", str(tmp_path / "greet")])

    assert result.exit_code == 0, result.stderr
    compile((tmp_path / "greet" / "acme_greet" / "__init__.py").read_text(), "greet", "exec")
    assert 'acme-greet = "acme_greet"' in (tmp_path / "greet" / "pyproject.toml").read_text()


def test_new_does_not_overwrite(cli: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")

    result = cli.invoke(app, ["new", "template", "x", "--out", str(tmp_path)])

    assert result.exit_code == 2
    assert "is there already and not empty" in result.stderr


# --- run


class Script:
    """Answers from a list, and refuses what the form refuses; what it was asked is in ``asked``."""

    def __init__(self, *answers: Json) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def _next(self, label: str) -> Json:
        self.asked.append(label.split(" ", 1)[0])
        return self.answers.pop(0)

    def section(self, title: str, description: str) -> None:
        """Show nothing."""

    def text(self, label: str, default: str, validate: Validate) -> str:
        while True:
            text = str(self._next(label))
            if validate(text) is None:
                return text

    def secret(self, label: str, validate: Validate) -> str:
        return str(self._next(label))

    def confirm(self, label: str, *, default: bool) -> bool:
        return bool(self._next(label))

    def choose(self, label: str, choices: Sequence[Choice], default: Json) -> Json:
        wanted = self._next(label)
        return next(one.value for one in choices if one.title == wanted)

    def choose_many(self, label: str, choices: Sequence[Choice], default: Sequence[Json]) -> list[Json]:
        wanted = self._next(label)
        return [one.value for one in choices if one.title in wanted]


def test_run_asks_for_the_form_and_runs(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script("Not OK", "shop", "large", True, "0", "7", "s3cret", True)

    status = run_command.run(template, RunOptions(sandbox=True, out=template / "kept"), script)

    out = capsys.readouterr().out
    assert status == 0, out
    assert script.asked == ["name", "name", "size", "loud", "volume", "volume", "token", "Run"]
    assert "LOUD 7" in out
    assert "[3/3] publish:github: completed" in out
    assert (template / "kept" / "README.md").read_text() == "# shop (large)\n"


def test_run_asks_only_for_what_is_missing(template: Path) -> None:
    script = Script("small", False, "", False)

    assert run_command.run(template, RunOptions(values=["name=shop"]), script) == 0
    assert script.asked == ["size", "loud", "token", "Run"]


PAGED = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: paged}
spec:
  type: service
  parameters:
    - required: [cloud]
      properties: {cloud: {type: string, enum: [AWS, GCP]}, shared: {type: string}}
    - when: ${{ parameters.cloud === 'AWS' }}
      required: [region]
      properties: {region: {type: string, default: eu}, shared: {type: string, default: mine}}
    - when: parameters.region == 'eu'
      required: [zone]
      properties: {zone: {type: string}}
  steps:
    - id: log
      action: debug:log
      input: {message: "have ${{ parameters | dump }}"}
"""


def test_run_asks_for_the_pages_whose_conditions_hold(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (template / "template.yaml").write_text(PAGED)
    everything = Script("AWS", "s", "eu", "a", True)
    hidden = Script("GCP", "s", True)

    assert run_command.run(template, RunOptions(), everything) == 0
    assert run_command.run(template, RunOptions(values=["zone=z"]), hidden) == 0

    out = capsys.readouterr().out
    assert everything.asked == ["cloud", "shared", "region", "zone", "Run"]
    assert hidden.asked == ["cloud", "shared", "Run"]
    assert 'have {"cloud":"AWS","shared":"s","region":"eu","zone":"a"}' in out
    assert 'have {"zone":' not in out
    assert 'have {"cloud":"GCP","shared":"s"}' in out


def test_hidden_pages_have_no_defaults_and_require_nothing(cli: CliRunner, template: Path) -> None:
    (template / "template.yaml").write_text(PAGED)
    write_cases(
        template,
        """\
  - name: hidden
    values: {cloud: GCP, region: eu, zone: z}
    expect: {log: ['have {"cloud":"GCP"}']}
""",
    )
    hidden = ["-v", "cloud=GCP", "-v", "zone=z"]

    ran = cli.invoke(app, ["run", ".", *hidden])
    tried = cli.invoke(app, ["dry-run", ".", *hidden])
    refused = cli.invoke(app, ["run", ".", "-v", "cloud=AWS"])
    tested = cli.invoke(app, ["test", "."])

    assert 'have {"cloud":"GCP"}' in ran.output
    assert 'have {"cloud":"GCP"}' in tried.output
    assert refused.exit_code == 2
    assert "give zone with" in refused.output
    assert tested.exit_code == 0, tested.output


SECRETIVE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: secretive}
spec:
  type: service
  parameters:
    - required: [repo, code, word]
      properties:
        repo:
          type: string
          ui:field: RepoUrlPicker
          ui:options: {allowedHosts: [git.acme.test], allowedOwners: [a, b]}
        code: {type: string, ui:field: Secret, minLength: 4}
        word: {type: string, ui:widget: password}
  steps:
    - id: log
      action: debug:log
      input: {message: "${{ parameters.repo }} ${{ parameters.code }} ${{ parameters.word | length }}"}
"""


class Watched(Script):
    """Keeps what was refused and what was shown."""

    def __init__(self, *answers: Json) -> None:
        super().__init__(*answers)
        self.refused: list[str] = []
        self.shown = ""

    def section(self, title: str, description: str) -> None:
        self.shown += f"{title} {description}\n"

    def secret(self, label: str, validate: Validate) -> str:
        while True:
            text = str(self._next(label))
            if (reason := validate(text)) is None:
                return text
            self.refused.append(reason)


def test_secrets_are_checked_and_masked_values_are_not_shown(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one host that is allowed is not asked for."""
    (template / "template.yaml").write_text(SECRETIVE)
    script = Watched("b", "shop", "abc", "abcd", "passphrase", True)

    status = run_command.run(template, RunOptions(), script)

    out = capsys.readouterr().out
    assert status == 0, out
    assert script.asked == ["repo:", "repo:", "code", "code", "word", "Run"]
    assert script.refused == ["does not meet minimum length of 4"]
    assert "passphrase" not in script.shown
    assert "word: '********'" in script.shown or "word: ********" in script.shown or 'word: "********"' in script.shown
    assert "git.acme.test?owner=b&repo=shop **** 10" in out


def test_secret_that_the_form_requires_can_be_given(cli: CliRunner, template: Path) -> None:
    (template / "template.yaml").write_text(SECRETIVE)
    given = ["-v", "repo=a", "-v", "word=b", "--secrets"]

    assert cli.invoke(app, ["dry-run", ".", *given, "code=abcd"]).exit_code == 0
    assert cli.invoke(app, ["run", ".", "--yes", *given, "code=abcd"]).exit_code == 0
    refused = cli.invoke(app, ["run", ".", "--yes", *given, "code=abc"])
    assert refused.exit_code == 2
    assert "code does not meet minimum length of 4" in refused.stderr


CONDITIONAL = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: conditional}
spec:
  type: service
  parameters:
    - properties: {owner: {type: string}}
      allOf:
        - if: {properties: {owner: {const: me}}, required: [owner]}
          then: {properties: {why: {type: string}}, required: [why]}
  steps:
    - {id: log, action: debug:log, input: {message: "because ${{ parameters.why }}"}}
"""


def test_what_a_branch_requires_must_be_answered(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (template / "template.yaml").write_text(CONDITIONAL)
    script = Script("me", "", "so", True)

    assert run_command.run(template, RunOptions(), script) == 0
    assert script.asked == ["owner", "why", "why", "Run"]
    assert "because so" in capsys.readouterr().out

    assert run_command.run(template, RunOptions(values=["owner=me"])) == 2
    assert "give why with --values" in capsys.readouterr().err


def test_giving_up_with_the_end_of_input_is_an_interruption(template: Path) -> None:
    class Gone(Script):
        def text(self, label: str, default: str, validate: Validate) -> str:
            raise EOFError

    with pytest.raises(KeyboardInterrupt):
        run_command.run(template, RunOptions(), Gone())


def test_run_without_a_terminal_names_what_is_missing(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command.run(template, RunOptions(values=["loud=true"])) == 2
    assert "give name, volume with --values" in capsys.readouterr().err
