"""run: the form in a terminal, then the template for real."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.commands import run as run_command
from backstage_py.cli.commands.run import RunOptions
from backstage_py.cli.main import app
from backstage_py.cli.terminal.form_prompts import Validate
from backstage_py.model.json import Json
from tests.cli import example
from tests.cli.script import Script


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
    example.write_cases(
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
