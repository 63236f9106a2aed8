"""What real templates have, and a run on an author's machine copes with: foreign actions, shared files, fragments.

The shapes are those of public templates; the texts are our own.
"""

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backstage_py.cli.commands import run as run_command
from backstage_py.cli.commands.run import RunOptions
from backstage_py.cli.main import app
from tests.cli.script import Script

HEAD = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
"""
FORM = "  parameters:\n    - properties: {name: {type: string, default: shop}, port: {type: integer, default: 80}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository with a template's folder in it, in which nothing is yet."""
    (tmp_path / ".git").mkdir()
    made = tmp_path / "templates" / "service"
    made.mkdir(parents=True)
    monkeypatch.chdir(made)
    return made


def write(folder: Path, steps: str, output: str = "", form: str = FORM) -> None:
    text = f"{HEAD}{form}  steps:\n{textwrap.indent(textwrap.dedent(steps), '    ')}{output}"
    (folder / "template.yaml").write_text(text)


def dry_run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["dry-run", ".", *arguments])


# --- actions that are not here


FOREIGN = """\
- {id: publish, name: Publish, action: "publish:bitbucket", input: {repoUrl: "${{ parameters.name }}"}}
- {id: ours, action: "acme:ts:thing", if: "${{ true }}", input: {anything: 1}}
- id: log
  action: debug:log
  input: {message: "see ${{ steps.publish.output.remoteUrl }} ${{ steps.ours.output.id }}"}
"""
DECLARED = """\
actions:
  - {id: "acme:ts:thing", output: {type: object, properties: {id: {type: number}}}}
"""


def test_actions_known_by_their_schema_are_skipped_with_an_example(folder: Path) -> None:
    write(folder, FOREIGN)
    (folder / ".backstage-py.yaml").write_text(DECLARED)

    tried = dry_run()
    ran = CliRunner().invoke(app, ["run", ".", "-y"])

    assert (tried.exit_code, ran.exit_code) == (0, 0), tried.output + ran.output
    line = "skipped, publish:bitbucket is known by its schema alone; later steps see an example of its output"
    assert f"- Publish (publish:bitbucket): {line}" in tried.stdout
    assert f"[1/3] Publish: {line}" in ran.stdout
    for shown in (tried.stdout, ran.stdout):
        assert "see <example> 0" in shown


def test_actions_of_a_listing_in_a_file_are_known(folder: Path) -> None:
    write(folder, FOREIGN)
    output = {"type": "object", "properties": {"id": {"type": "number"}}}
    (folder / "ours.json").write_text(json.dumps([{"id": "acme:ts:thing", "schema": {"output": output}}]))
    (folder / ".backstage-py.yaml").write_text("actions: [ours.json]\n")

    assert "see <example> 0" in dry_run().stdout


def test_an_unknown_action_says_how_to_declare_it(folder: Path) -> None:
    write(folder, FOREIGN)

    result = dry_run()

    assert result.exit_code == 1
    assert "No action 'acme:ts:thing' is known" in result.stdout
    assert '`actions: [{id: "acme:ts:thing"}]`' in result.stdout
    assert "in step 'ours' (acme:ts:thing), template.yaml:10:7" in result.stdout


def test_a_step_that_is_skipped_anyway_may_name_any_action(folder: Path) -> None:
    write(folder, '- {id: a, action: "acme:never", if: "${{ parameters.port > 100 }}"}\n')

    assert dry_run().exit_code == 0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("5", "an entry of 'actions' must be the name of a file, or an object with the action's 'id'"),
        ("{name: x}", "an object with the action's 'id'"),
        ("{id: a, inptu: {}}", "unknown key 'inptu' of the action a"),
        ("{id: a, input: 5}", "'input' and 'output' of the action a must be JSON Schemas"),
    ],
)
def test_a_wrong_declaration_is_named(folder: Path, entry: str, message: str) -> None:
    write(folder, FOREIGN)
    (folder / ".backstage-py.yaml").write_text(f"actions: [{entry}]\n")

    result = dry_run()

    assert result.exit_code == 2
    assert message in result.stderr


def test_fetched_entities_are_made_up_where_there_is_no_catalog(folder: Path) -> None:
    write(
        folder,
        """\
        - {id: one, action: "catalog:fetch", input: {entityRef: "component:default/shop"}}
        - {id: maybe, action: "catalog:fetch", input: {entityRef: "component:default/none", optional: true}}
        - id: log
          action: debug:log
          input: {message: "${{ steps.one.output.entity.metadata.name }} ${{ user.entity.spec.profile.email }}!"}
        """,
    )
    entities = folder / "entities.yaml"
    entities.write_text(
        "- {kind: Component, metadata: {name: shop}}\n"
        "- {kind: User, metadata: {name: jane}, spec: {profile: {email: jane@acme.test}}}\n"
    )

    made_up, given = dry_run(), dry_run("--entities", "entities.yaml", "--user", "user:default/jane")
    entities.write_text("kind: Component\nmetadata: {name: other}\n")
    missing = dry_run("--entities", "entities.yaml")

    assert "examples stand for component:default/shop; see --entities" in made_up.stdout
    assert "component:default/none" not in made_up.stdout.partition("examples stand for")[2].splitlines()[0]
    assert "shop !" in made_up.stdout
    assert "shop jane@acme.test!" in given.stdout
    assert missing.exit_code == 1
    assert "Entity component:default/shop not found" in missing.stdout


# --- relative URLs


@pytest.mark.thorough
def test_relative_urls_lead_up_to_the_root_of_the_repository(folder: Path, tmp_path: Path) -> None:
    write(
        folder,
        """\
        - {id: ci, action: "fetch:template", input: {url: ../../skeletons/ci, values: {name: x}}}
        - {id: plain, action: "fetch:plain:file", input: {url: ../../skeletons/one.txt, targetPath: one.txt}}
        """,
    )
    (tmp_path / "skeletons" / "ci").mkdir(parents=True)
    (tmp_path / "skeletons" / "ci" / "ci.yml").write_text("for: ${{ values.name }}\n")
    (tmp_path / "skeletons" / "one.txt").write_text("1\n")
    (folder / "a.test.yaml").write_text('cases: [{name: a, expect: {files: {ci.yml: "for: x\\n", one.txt: "1\\n"}}}]\n')

    assert "├── ci.yml  (7 B)" in dry_run().stdout
    assert CliRunner().invoke(app, ["test"]).exit_code == 0
    assert CliRunner().invoke(app, ["run", ".", "-y", "--out", "kept"]).exit_code == 0
    assert (folder / "kept" / "ci.yml").read_text() == "for: x\n"


@pytest.mark.parametrize(
    ("mark", "shown"),
    [
        (".git", "leads out of the folder '{name}', the root of what templates in it may read"),
        (None, "leads out of the template's folder, and nothing above that may be read"),
    ],
)
def test_above_the_root_nothing_is_read(folder: Path, tmp_path: Path, mark: str | None, shown: str) -> None:
    if mark is None:
        (tmp_path / ".git").rmdir()
    write(folder, '- {id: out, action: "fetch:plain", input: {url: ../../../elsewhere}}\n')

    result = dry_run()

    assert result.exit_code == 1
    assert shown.format(name=tmp_path.name) in result.stdout


def test_a_link_in_the_repository_leads_out_no_more_than_a_path(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "skeletons").symlink_to("/etc")
    write(folder, '- {id: out, action: "fetch:plain", input: {url: ../../skeletons}}\n')

    assert "leads out of the folder" in dry_run().stdout


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("name", ["with space", "a+b", "a#b", "a%20b", "größe", "a?b", "a&b=c"])
def test_paths_may_have_any_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = tmp_path / name
    (folder / name).mkdir(parents=True)
    (folder / name / "README.md").write_text("${{ values.name }}\n")
    monkeypatch.chdir(tmp_path)
    write(folder, f"""- {{id: a, action: "fetch:template", input: {{url: './{name}', values: {{name: x}}}}}}\n""")
    (folder / "a.test.yaml").write_text('cases: [{name: a, expect: {files: {README.md: "x\\n"}}}]\n')

    for arguments in (["dry-run", name], ["test", name], ["run", name, "-y"], ["validate", name]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{arguments}: {result.output}"


# --- placeholders


def test_placeholders_stand_for_other_files_of_the_repository(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "fragments").mkdir()
    (tmp_path / "fragments" / "page.yaml").write_text("properties: {name: {type: string, default: from a fragment}}\n")
    (folder / "steps.yaml").write_text('- {id: log, action: "debug:log", input: {message: "${{ parameters.name }}"}}\n')
    (folder / "text.md").write_text("as it is ${{ parameters.name }}")
    text = (
        f"{HEAD}  parameters: [{{$yaml: ../../fragments/page.yaml}}]\n  steps: {{$yaml: ./steps.yaml}}\n"
        "  output: {text: [{title: T, content: {$text: text.md}}]}\n"
    )
    (folder / "template.yaml").write_text(text)

    shown = dry_run()
    asked = Script("typed", True)

    assert "info: from a fragment" in shown.stdout
    assert "content: as it is from a fragment" in shown.stdout
    assert run_command.run(folder, RunOptions(), asked) == 0
    assert asked.asked == ["name", "Run"]


@pytest.mark.parametrize(
    ("placeholder", "message"),
    [
        ("{$yaml: ./none.yaml}", "Placeholder $yaml could not read location ./none.yaml"),
        ("{$yaml: /etc/passwd}", "is outside of"),
        ("{$yaml: 5}", "expected a string value parameter"),
        ("{$json: ./template.yaml}", "failed to parse JSON data"),
        ("{$yaml: ./template.yaml}", "is no valid template"),
    ],
)
def test_a_placeholder_that_cannot_be_replaced_says_why(folder: Path, placeholder: str, message: str) -> None:
    (folder / "template.yaml").write_text(f"{HEAD}  steps: {placeholder}\n")

    result = dry_run()

    assert result.exit_code == 2
    assert message in result.stderr
    assert "template.yaml" in result.stderr


# --- failures


def test_a_failing_dry_run_says_what_was_written_before(folder: Path, tmp_path: Path) -> None:
    (folder / "skeleton").mkdir()
    (folder / "skeleton" / "README.md").write_text("# Title\n\n${{ values.name | nosuch }}\n")
    (folder / "skeleton" / "A.txt").write_text("first\n")
    write(
        folder,
        """\
        - {id: first, action: "fetch:plain:file", input: {url: skeleton/A.txt, targetPath: kept/A.txt}}
        - {id: render, action: "fetch:template", input: {url: ./skeleton, values: {name: x}}}
        """,
    )

    result = dry_run()

    assert result.exit_code == 1
    assert "2 files were written before it failed" in result.stdout
    assert "A.txt  (6 B)" in result.stdout
    assert "skeleton/README.md:3:19: Unknown filter" in result.stdout
    assert "in step 'render' (fetch:template), template.yaml:10:7" in result.stdout
    assert str(tmp_path) not in result.stdout
    assert "/backstage-py-run-" not in result.stdout


def test_an_error_of_an_action_has_no_path_of_this_machine(folder: Path) -> None:
    write(folder, '- {id: m, action: "roadiehq:utils:merge", input: {path: a/none.json, content: {a: 1}}}\n')

    shown = dry_run()

    assert "a/none.json does not exist" in shown.stdout
    assert "/backstage-py-run-" not in shown.output


def test_an_input_that_does_not_fit_is_told_in_words_with_what_stands_there(folder: Path) -> None:
    write(
        folder,
        """\
        - id: fetch
          action: fetch:template
          input:
            url: ${{ parameters.port }}
            token: ${{ parameters.port }}
            nonsense: 1
        """,
    )

    shown = dry_run().stdout

    assert "The input of step 'fetch' does not fit fetch:template:" in shown
    assert "template.yaml:13:16: 'token' must be text, but is a number\n      token: ${{ parameters.port }}" in shown
    assert "template.yaml:12:14: 'url' must be text, but is a number" in shown
    assert "template.yaml:14:9: 'nonsense' is not known to it\n      nonsense: 1" in shown
    assert "instance" not in shown


def test_values_that_do_not_fit_the_form_say_where_it_asks(folder: Path) -> None:
    write(folder, FOREIGN)

    result = dry_run("-v", "port=high")

    assert result.exit_code == 2
    assert "port must be a whole number, but is text (template.yaml:7:" in result.stderr


def test_yes_never_asks(folder: Path) -> None:
    write(folder, FOREIGN, form="  parameters: [{required: [name], properties: {name: {type: string}}}]\n")
    script = Script()

    assert run_command.run(folder, RunOptions(yes=True), script) == 2
    assert script.asked == []
