"""What stands in for the world in tests of templates: mocks, entities, answers of Backstage; cases of many values."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from backstage_py import bundled
from backstage_py.cli.main import app
from backstage_py.lint import config as lint_config

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  owner: group:platform
  parameters:
    - properties:
        name: {type: string, default: shop}
        size: {type: string, default: small}
        owner: {type: string, ui:field: OwnerPicker, ui:options: {allowArbitraryValues: false}}
  steps:
    - id: ticket
      action: acme:ticket
      input: {title: "New ${{ parameters.name }}"}
    - id: many
      each: [a, b]
      action: acme:many
      input: {name: "${{ each.value }}", size: "${{ parameters.size }}"}
    - id: ask
      action: http:backstage:request
      input: {method: POST, path: "/api/proxy/ci/${{ parameters.name }}?x=1", body: {n: 1}}
    - id: log
      action: debug:log
      input: {message: "${{ steps.ticket.output.number }} ${{ steps.ask.output.code }} ${{ steps.ask.output.body.id }}"}
"""
DECLARED = 'actions: [{id: "acme:ticket"}, {id: "acme:many"}]\n'
MOCKS = "{'acme:ticket': {output: {number: OPS-1}, log: made it, files: {t.txt: OPS}}, many: {}}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / ".backstage-py.yaml").write_text(DECLARED)
    return tmp_path


def run(folder: Path, tests: str, *arguments: str) -> Result:
    (folder / "a.test.yaml").write_text(tests)
    return CliRunner().invoke(app, ["test", *arguments])


def test_mocks_log_write_and_give_outputs_and_tell_what_they_were_called_with(folder: Path) -> None:
    result = run(
        folder,
        f"""\
mocks: {MOCKS}
cases:
  - name: right
    expect:
      files: {{t.txt: OPS}}
      log: [made it, OPS-1]
      steps: {{ticket: completed, many: completed}}
      inputs:
        ticket: {{title: New shop}}
        many: [{{name: a}}, {{name: b, size: small}}]
  - name: wrong
    expect:
      inputs: {{ticket: {{title: Old}}, many: {{name: a}}, log: {{}}}}
  - name: failing
    mocks: {{ticket: {{fail: no more tickets}}}}
    expect: {{error: no more tickets, steps: {{ticket: failed, many: skipped}}}}
""",
    )

    assert result.exit_code == 1
    assert "ok   a.test.yaml:3 right" in result.stdout
    assert "ok   a.test.yaml:14 failing" in result.stdout
    assert 'the input of step ticket.title is "New shop", expected "Old"' in result.stdout
    assert "step many called its mock 2 times; expect a list of inputs" in result.stdout
    assert "step log called no mock, so its input is not known; stand-ins were called in ticket, many" in result.stdout


def test_a_mock_of_a_known_action_is_held_to_its_schema(folder: Path) -> None:
    (folder / ".backstage-py.yaml").write_text(
        "actions:\n  - {id: 'acme:ticket', input: {type: object, properties: {title: {type: number}}}}\n"
        "  - {id: 'acme:many'}\n"
    )

    result = run(folder, f"mocks: {MOCKS}\ncases: [{{name: a}}]\n")

    assert "'title' must be a number, but is text" in result.stdout


def test_mocks_of_a_file_serve_tests_and_dry_runs(folder: Path) -> None:
    (folder / "ours.mocks.yaml").write_text("acme:ticket: {output: {number: OPS-7}}\nacme:other: {}\n")

    tested = run(folder, "mocks: ours.mocks.yaml\ncases: [{name: a, expect: {log: OPS-7}}]\n")
    tried = CliRunner().invoke(app, ["dry-run", ".", "--mocks", "ours.mocks.yaml"])
    wrong = run(folder, "mocks: {acme:tikcet: {}}\ncases: [{name: a}]\n")

    assert tested.exit_code == 0, tested.stdout
    assert "info: OPS-7" in tried.stdout
    assert "No step of template.yaml has the id or the action acme:tikcet, which is mocked" in wrong.stdout


def test_requests_get_the_answers_of_a_test(folder: Path) -> None:
    result = run(
        folder,
        """\
cases:
  - name: answered
    http:
      GET /api/proxy/ci/*: {status: 500}
      POST /proxy/ci/*: {status: 201, body: {id: 77}}
    expect:
      log: ["201 77"]
      inputs: {ask: {method: POST, path: "/api/proxy/ci/shop?x=1", body: {n: 1}}}
  - name: refused
    http: {/api/proxy/ci/shop: {status: 403, body: {error: {message: not yours}}}}
    expect: {error: Unable to complete request}
  - name: forgotten
    http: {GET /api/other: null}
    expect: {error: "No answer of `http` fits POST /api/proxy/ci/shop"}
  - name: none
    expect: {log: ["Skipping 'POST' request"]}
""",
    )

    assert result.exit_code == 0, result.stdout


def test_entities_are_what_is_fetched_who_runs_and_what_pickers_offer(folder: Path) -> None:
    steps = """\
    - {id: fetch, action: "catalog:fetch", input: {entityRef: "component:default/shop"}}
    - id: say
      action: debug:log
      input: {message: "${{ steps.fetch.output.entity.spec.type }} ${{ user.entity.spec.profile.email }}"}
"""
    (folder / "template.yaml").write_text(TEMPLATE.partition("    - id: ticket")[0] + steps)
    (folder / "groups.yaml").write_text("kind: Group\nmetadata: {name: a}\n---\n- {kind: Group, metadata: {name: b}}\n")

    result = run(
        folder,
        """\
entities:
  - groups.yaml
  - {kind: Component, metadata: {name: shop}, spec: {type: website}}
cases:
  - name: found
    entities: [{kind: User, metadata: {name: jane}, spec: {profile: {email: jane@acme.test}}}]
    user: user:default/jane
    values: {owner: "group:default/b"}
    expect: {log: website jane@acme.test}
  - name: not offered
    values: {owner: "group:default/c"}
    expect: {error: "'group:default/c' is none of the entities that the OwnerPicker of 'owner' offers"}
""",
    )
    missing = run(folder, "cases: [{name: a, entities: []}]\n")

    assert result.exit_code == 0, result.stdout
    assert "Entity component:default/shop not found" in missing.stdout


def test_a_case_runs_for_each_of_its_values(folder: Path) -> None:
    result = run(
        folder,
        f"""\
mocks: {MOCKS}
cases:
  - name: of ${{{{ each.size }}}}
    each: {{size: [small, large], port: [1, 2]}}
    values: {{name: "x${{{{ each.port }}}}"}}
    expect:
      inputs: {{ticket: {{title: "New x${{{{ each.port }}}}"}}, many: [{{size: "${{{{ each.size }}}}"}}, {{}}]}}
  - name: these
    each: [{{name: a}}, {{name: b}}]
    expect: {{inputs: {{ticket: {{title: New a}}}}}}
""",
    )

    assert "ok   a.test.yaml:3 of small [size=small, port=1]" in result.stdout
    assert "ok   a.test.yaml:3 of large [size=large, port=2]" in result.stdout
    assert "FAIL a.test.yaml:8 these [name=b]" in result.stdout
    assert result.stdout.splitlines()[-1] == "5 passed, 1 failed"


def test_what_validate_finds_can_be_expected(folder: Path) -> None:
    (folder / "template.yaml").write_text(TEMPLATE.replace("parameters.size", "parameters.sise"))
    found = json.loads(CliRunner().invoke(app, ["validate", "-f", "json", "template.yaml"]).stdout)["problems"]
    codes = [one["code"] for one in found]
    wrong = next(one for one in found if "sise" in one["message"])

    exact = {"code": wrong["code"], "line": wrong["line"], "file": "template.yaml", "message": "sise"}
    others = [one["code"] for one in found if one is not wrong]
    right = run(folder, f"findings: {json.dumps([exact, *others])}\n")
    more = run(folder, "findings: []\n")
    less = run(folder, f"findings: {json.dumps([*codes, 'BPY999'])}\n")

    assert right.exit_code == 0, right.stdout
    assert f"validate finds template.yaml:{wrong['line']}: {wrong['code']}" in more.stdout
    assert "validate does not find BPY999" in less.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: [{name: a, files: {}}]", "1:19: unknown key 'files'; it belongs below 'expect' or below a mock"),
        ("cases: [{name: a, outpt: {}}]", "unknown key 'outpt'; known are name"),
        ("values: {}", "unknown key 'values'; it belongs beside 'name' of a case"),
        ("cases: [{name: a, expect: {golden: x}}]", "unknown key 'golden'; it belongs beside 'name' of a case"),
        ("cases: [{mocks: {a: {input: {}}}}]", "unknown key 'input'"),
        ("cases: [{mocks: {a: {status: 1}}}]", "unknown key 'status'; it belongs below an answer of 'http'"),
        ("cases: [{mocks: [a]}]", "mocks are an object"),
        ("cases: [{mocks: none.yaml}]", "named in a.test.yaml:1"),
        ("cases: [{mocks: ../out.yaml}]", "leads out of the project"),
        ("cases: [{mocks: {a: {files: {x: {}}}}}]", "the content of 'x' must be text"),
        ("cases: [{entities: [{kind: Group}]}]", "an entity has 'kind' and 'metadata' with 'name'"),
        ("cases: [{entities: {kind: Group}}]", "'entities' must be a list"),
        ("cases: [{http: {FETCH /x: {}}}]", "'FETCH /x' is no request"),
        ("cases: [{http: {/x: {status: ok}}}]", "'status' must be a number between 100 and 599"),
        ("cases: [{each: {a: 1}}]", "'each' must be an object of lists of values, or a list of objects"),
        ("cases: [{each: {a: []}}]", "'each' must be"),
        (
            "cases: [{each: {a: [1,2,3,4,5,6,7,8,9,10,11], b: [1,2,3,4,5,6,7,8,9,10,11], c: [1,2,3,4,5,6,7,8,9]}}]",
            "1089",
        ),
        ("findings: BPY301", "'findings' must be a list"),
        ("findings: [{line: 1}]", "a finding has a 'code'"),
        ("cases: [{expect: {steps: {a: done}}}]", "must be one of completed, skipped, failed, not run"),
        ("cases: [{expect: {files: {a: false}}}]", "that is said by 'expect.absent'"),
        ("cases: [{timeout: .inf, run: true}, {timeout: -1}]", "'run' must be a text or a list of texts"),
        ("cases: [{defaults: maybe}]", "'defaults' must be true or false"),
    ],
)
def test_what_is_wrong_in_a_test_file_is_named_with_its_place(folder: Path, text: str, message: str) -> None:
    result = run(folder, f"{text}\n")

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


# --- schemas


def schema_of(name: str) -> jsonschema.Draft7Validator:
    made = json.loads(CliRunner().invoke(app, ["schema", name]).stdout)
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def loaded(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_schema_of_tests_takes_what_the_commands_take() -> None:
    schema = schema_of("tests")
    documented = (Path(__file__).parents[2] / "docs" / "testing.md").read_text().split("```yaml\n")[1:]
    cases = [loaded(block.partition("```")[0]) for block in documented]
    shown = [one if isinstance(one, dict) else {"cases": one} for one in cases]
    whole = [one for one in shown if "cases" in one or "findings" in one]
    parts = [{"cases": [one]} for one in shown if not {"cases", "findings", "actions"} & set(one)]

    assert len(whole) + len(parts) == len(documented) - 1
    for one in (*whole, *parts):
        assert list(schema.iter_errors(one)) == [], one
    for file in bundled.skeletons().glob("*/*.test.yaml"):
        assert list(schema.iter_errors(loaded(file.read_text()))) == [], file
    for wrong in ("cases: []", "cases: [{files: {}}]", "cases: [{expect: {steps: {a: done}}}]"):
        assert not schema.is_valid(loaded(wrong))


def test_schema_of_the_configuration_has_its_keys() -> None:
    definitions = bundled.schema("author-files")["definitions"]
    given = {"severity": {"BPY511": "off"}, "actions": ["a.json", {"id": "acme:x", "input": {"type": "object"}}]}

    assert sorted(definitions["config"]["properties"]) == sorted(lint_config.KEYS)
    assert sorted(definitions["action"]["properties"]) == sorted(lint_config.ACTION_KEYS)
    assert list(schema_of("config").iter_errors(given)) == []
    assert not schema_of("config").is_valid({"severty": {}})
    lint_config.parse(given, Path("x.yaml"))


def test_schema_of_mocks_stands_by_itself() -> None:
    schema = schema_of("mocks")

    assert list(schema.iter_errors({"acme:x": {"output": {"a": 1}, "fail": "no"}, "y": None})) == []
    assert not schema.is_valid({"acme:x": {"input": {}}})


def test_all_schemas_are_written_into_a_folder_with_settings_of_editors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["schema", "all", "-o", "schemas"])

    assert sorted(one.name for one in (tmp_path / "schemas").iterdir()) == [
        "config.schema.json",
        "mocks.schema.json",
        "template.schema.json",
        "tests.schema.json",
    ]
    assert '"./schemas/tests.schema.json": [\n      "**/*.test.yaml"\n    ]' in result.stdout
    assert CliRunner().invoke(app, ["schema", "test"]).exit_code == 2
    assert CliRunner().invoke(app, ["schema", "all"]).exit_code == 2
