"""A repository that is not one's own, in the hands of its reader: each command says what is wrong and ends."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from backstage_py.cli import entry as cli

HEAD = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: x}\nspec:\n  type: service\n"
BOMB = "".join(f"  {name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi"))  # noqa: B905  # the last one has no next
Run = Callable[..., int]


def template(value: str) -> str:
    return f"{HEAD}  steps:\n    - id: log\n      action: debug:log\n      input: {{message: {value}}}\n"


def fetch(url: str) -> str:
    step = f'id: f, action: fetch:template, input: {{url: "{url}", targetPath: "{url}"}}'
    return f"{HEAD}  steps: [{{{step}}}]\n"


TEMPLATES: dict[str, str | bytes] = {
    "empty": "",
    "scalar": "hello",
    "list": "- a",
    "binary": bytes(range(256)),
    "utf16": "kind: x".encode("utf-16"),
    "half a pair in bytes": template("X").encode().replace(b"X", b"\xed\xa0\x80"),
    "half a pair in a value": template('"\\ud800"'),
    "half a pair in a name": HEAD.replace("name: x", 'name: "\\ud800"') + "  steps: []\n",
    "half a pair in an id": f'{HEAD}  steps:\n    - {{id: "\\ud800", action: "\\ud800", input: {{"\\ud800": 1}}}}\n',
    "half a pair in an expression": template("\"${{ '\\ud800' | dump }}${{ '\\ud800' | urlencode }}\""),
    "half a pair in a form": f'{HEAD}  parameters: {{title: "\\ud800", required: ["\\ud800"], properties: {{"\\ud800": '
    '{type: string, pattern: "\\ud800", enum: ["\\ud800"], default: "\\ud800"}}}\n  steps: []\n',
    "half a pair in an output": f'{HEAD}  steps: []\n  output: {{"\\ud800": "\\ud800", text: ["\\ud800"]}}\n',
    "half a pair in a path": fetch("./\\ud800"),
    "nul in a path": fetch("./a\\0b"),
    "long path": fetch("./" + "a" * 5000),
    "deep flow": f"{HEAD}  steps: {'[' * 3000}{']' * 3000}\n",
    "deep blocks": HEAD + "".join(f"{'  ' * level}a:\n" for level in range(1, 400)),
    "aliases of aliases": f"{HEAD}  a: &a [x, x, x, x]\n{BOMB}",
    "alias of itself": f"{HEAD}  steps: &s [*s]\n",
    "python tag": f"{HEAD}  steps: !!python/object/apply:os.system [id]\n",
    "huge number": template("9" * 5000),
    "infinity": template(".inf"),
    "documents": "---\n" * 3000,
    "odd steps": f"{HEAD}  steps: [1, null, [], {{}}, {{id: [], action: {{}}, input: 5}}, {{each: 5, if: {{}}}}]\n",
    "odd pages": f"{HEAD}  parameters: [1, null, [], {{properties: 5}}, {{required: 5}}]\n{template('x')[len(HEAD) :]}",
    "form of itself": f"{HEAD}  parameters: {{properties: {{a: {{$ref: '#/properties/a'}}}}}}\n  steps: []\n",
    "parentheses": template('"${{ ' + "(" * 3000 + "1" + ")" * 3000 + ' }}"'),
    "sum": template('"${{ ' + "1+" * 20_000 + '1 }}"'),
    "not": template('"${{ ' + "not " * 20_000 + '1 }}"'),
    "members": template('"${{ a' + ".a" * 20_000 + ' }}"'),
    "range": template('"${{ range(0, 1000000000) | length }}"'),
    "loop": template('"{% for i in range(99999999) %}x{% endfor %}"'),
}
CONFIGURATIONS: dict[str, str | bytes] = {
    "binary": bytes(range(256)),
    "list": "- a",
    "sections": "integrations: 5\nscaffolder: []\nbackend: x\ncatalog: 7\n",
    "folder": 'scaffolder: {actionsFolder: "\\ud800"}',
    "nul": 'scaffolder: {actionsFolder: "a\\0b"}',
    "host": 'integrations: {github: [1, null, {host: []}, {host: "\\ud800", token: "\\ud800"}]}',
    "includes itself": "a: {$include: ./app-config.yaml}",
    "device": "a: {$file: /dev/zero}",
    "pipe": "a: {$file: ./pipe}",
    "number": "scaffolder: {concurrentTasksLimit: 99999999999999999999999999, taskTimeout: .nan}",
    "deep": f"a: {'[' * 3000}{']' * 3000}",
}
CASES = {
    "empty": "",
    "list": "- 1",
    "words": "template: 5\ncases: 7",
    "odd": "cases: [1, null, {}]",
    "missing": "template: nope.yaml\ncases: [{name: a}]",
    "nul": 'template: "a\\0"\ncases: [{name: a}]',
    "values": 'template: template.yaml\ncases: [{name: "\\ud800", values: {"\\ud800": 1}, expect: {files: [1]}}]',
    "pattern": "template: template.yaml\ncases: [{name: a, expect: {log: ['(a+)+$'], error: '('}}]",
}
OPTIONS: dict[str, Sequence[str]] = {
    "no file": ("dry-run", "template.yaml", "--values", "nope.yaml"),
    "no value": ("dry-run", "template.yaml", "--values", "="),
    "prototype": ("dry-run", "template.yaml", "--values", "__proto__=1"),
    "brackets": ("dry-run", "template.yaml", "--values", f"a={'[' * 2000}"),
    "user": ("dry-run", "template.yaml", "--user", "x:::/"),
    "out": ("dry-run", "template.yaml", "--out", "/proc/x"),
    "backstage": ("run", "template.yaml", "--yes", "--backstage", "http://[::"),
    "agent": ("mcp", "--url", "http://[::"),
    "listing": ("actions", "--actions-from", "http://[::"),
    "nobody": ("validate", "--strict", "--actions-from", "http://127.0.0.1:1"),
    "name": ("new", "template", "../../x", "--out", "o"),
    "long name": ("new", "template", "a" * 300, "--out", "o"),
    "no name": ("new", "template", "", "--out", "o"),
    "kind": ("new", "bogus", "x"),
    "globs": ("validate", "--exclude", "[", "--exclude", "{a", "--exclude", "**/" * 500),
    "bytes": ("validate", "\udcff"),
    "action": ("actions", "\udcff"),
    "filter": ("filters", "\udcff"),
    "folder": ("schema", "--output", "."),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in a folder, with streams as a terminal's are; return the exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def command(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["backstage-py", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with Path("shown").open("w", encoding="utf-8") as shown:
            monkeypatch.setattr(sys, "stdout", shown)
            monkeypatch.setattr(sys, "stderr", shown)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        assert "Traceback" not in Path("shown").read_text(encoding="utf-8")
        assert ended.value.code in {0, 1, 2}
        return int(ended.value.code)

    return command


def write(name: str, content: str | bytes) -> None:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_hostile_template_ends_no_command_with_a_traceback(run: Run, name: str) -> None:
    for file in ("template.yaml", "values.yaml", "all.test.yaml"):
        write(file, TEMPLATES[name])
    for format_ in ("text", "json", "sarif", "github", "junit"):
        run("validate", "--format", format_)
    run("dry-run", "template.yaml", "--json")
    run("dry-run", "template.yaml", "--values", "values.yaml", "--secrets", "values.yaml")
    run("run", "template.yaml", "--yes")
    run("test")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_hostile_configuration_ends_no_command_with_a_traceback(run: Run, name: str) -> None:
    write("template.yaml", template("hi"))
    os.mkfifo("pipe")
    write("app-config.yaml", CONFIGURATIONS[name])
    run("validate", "--strict")
    run("dry-run", "template.yaml")
    run("dry-run", "template.yaml", "--config", "app-config.yaml")
    run("actions", "debug:log")


@pytest.mark.parametrize("name", CASES)
def test_hostile_cases_end_no_command_with_a_traceback(run: Run, name: str) -> None:
    write("template.yaml", template("hi"))
    write("x.test.yaml", CASES[name])
    run("test", "--junit", "report.xml")
    run("test", "--keep", "kept")


@pytest.mark.parametrize("name", OPTIONS)
def test_odd_arguments_are_refused_in_words(run: Run, name: str) -> None:
    write("template.yaml", template("hi"))
    run(*OPTIONS[name])


def test_a_file_that_is_none_is_refused_in_words(run: Run) -> None:
    write("template.yaml", fetch("./skeleton"))
    Path("skeleton").symlink_to("other")
    Path("other").symlink_to("skeleton")
    assert run("validate") == 1
    assert run("dry-run", "template.yaml") == 1
    write("app-config.yaml", CONFIGURATIONS["device"])
    assert run("dry-run", "template.yaml", "--config", "app-config.yaml") == 2
