"""What every command owes a shell: examples, streams, exit statuses, and colours on a terminal only."""

import contextlib
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli import examples
from backstage_py.cli.commands import plain
from backstage_py.cli.main import app

HEAD = (
    "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: example}\nspec:\n  type: service\n"
)
BROKEN = HEAD + "  steps:\n    - id: log\n      action: debug:log\n      input:\n        message: ${{ a || 'b' }}\n"
CLEAN = HEAD + "  steps:\n    - id: log\n      action: debug:log\n      input: {message: hello}\n"
FAILING = HEAD + "  steps:\n    - {id: read, name: Read, action: fs:read, input: {path: nowhere}}\n"
COMMAND = [sys.executable, "-m", "backstage_py.cli"]
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
VISIBLE = [one for one in app.registered_commands if not one.hidden]
NAMES = [one.name or one.callback.__name__ for one in VISIBLE if one.callback]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("broken", BROKEN), ("clean", CLEAN), ("failing", FAILING)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_examples_whose_options_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(app, [name, "--help"]).stdout
    described, _, _ = shown.partition("Examples:")

    for line in examples.EXAMPLES[name]:
        assert f"$ {line}" in shown
        words = [word for word in shlex.split(line) if "=..." not in word]
        assert words[:2] == ["backstage-py", name]
        assert [word for word in words if word.startswith("-") and word not in described] == []


def done(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )


@pytest.mark.thorough(sample=18)
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["validate", "clean.yaml"], 0),
        (["validate", "broken.yaml"], 1),
        (["validate", "nowhere.yaml"], 2),
        (["validate", "--nonsense"], 2),
        (["dry-run", "clean.yaml"], 0),
        (["dry-run", "failing.yaml"], 1),
        (["dry-run", "nowhere.yaml"], 2),
        (["run", "failing.yaml", "--yes"], 1),
        (["run", "nowhere.yaml"], 2),
        (["test", "nowhere"], 2),
        (["actions", "acme:unknown"], 2),
        (["filters", "unknown"], 2),
        (["new", "nonsense", "x"], 2),
        (["schema", "--output", "no/such/folder/x.json"], 2),
    ],
)
def test_status_says_how_it_went_and_only_what_could_not_run_speaks_on_stderr(
    arguments: list[str], status: int, folder: Path
) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == status, result.output
    assert (result.stderr != "", result.stdout != "") == ((True, False) if status == 2 else (False, True))


def test_machine_formats_leave_nothing_else_on_stdout(folder: Path) -> None:
    checked = done("validate", "broken.yaml", "--format", "json")
    tried = done("dry-run", "clean.yaml", "--json")

    assert [one["code"] for one in json.loads(checked.stdout)["problems"]] == ["BPY401"]
    assert set(json.loads(tried.stdout)) == {"log", "directoryContents", "output", "steps"}


def on_a_terminal(*arguments: str, env: dict[str, str] | None = None) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**variables, "TERM": "xterm-256color", **(env or {})},
    )
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # how a terminal tells that the other side is gone
        while part := os.read(ours, 65_536):
            written += part
    os.close(ours)
    process.wait()
    return written.decode()


@pytest.mark.thorough
def test_help_is_plain_in_a_pipe_and_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\u256d" in on_a_terminal("dry-run", "--help", env={"COLUMNS": "80"})
    assert "\u256d" not in done("dry-run", "--help").stdout
    narrow = on_a_terminal("dry-run", "--help", env={"COLUMNS": "40"})
    assert "\u2026" not in narrow
    assert "  $ backstage-py dry-run . --values values.yaml --out result --sandbox" in narrow


@pytest.mark.thorough(sample=1)
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("backstage-py vali", "validate"),
        ("backstage-py new gol", "golden-path"),
        ("backstage-py validate --format jun", "junit"),
        ("backstage-py validate --explain BPY40", "BPY405"),
        ("backstage-py filters parseRepo", "parseRepoUrl"),
        ("backstage-py actions debug:lo", "debug:log"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_names(typed: str, offered: str, shell: str) -> None:
    """As the functions that ``--show-completion`` prints ask for it."""
    asked = {
        "bash": {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": typed},
        "fish": {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    entry = [
        sys.executable,
        "-c",
        "import sys; sys.argv = ['backstage-py']; from backstage_py.cli.entry import main; main()",
    ]
    done = subprocess.run(
        entry,
        env={**os.environ, "_BACKSTAGE_PY_COMPLETE": f"complete_{shell}", **asked[shell]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert offered in done.stdout.replace("\\\\:", ":")


def test_colours_are_for_terminals_that_want_them(folder: Path) -> None:
    arguments = ("validate", "broken.yaml")

    assert COLOUR.search(on_a_terminal(*arguments))
    assert not COLOUR.search(on_a_terminal(*arguments, env={"NO_COLOR": "1"}))
    assert "\x1b" not in done(*arguments).stdout


@pytest.mark.thorough(sample=5)
@pytest.mark.parametrize("name", ["broken.yaml", "clean.yaml", "nowhere.yaml", "."])
@pytest.mark.parametrize("format_", ["text", "json", "github", "junit", "sarif"])
def test_the_short_way_says_the_same_as_the_long_way(
    name: str, format_: str, folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    status = plain.run(["validate", name, "-f", format_])
    short = capsysbinary.readouterr()
    long = CliRunner().invoke(app, ["validate", "--stdin-file", "template.yaml", "-f", format_, name])

    assert (status, short.out, short.err) == (long.exit_code, long.stdout_bytes, long.stderr_bytes)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["test"],
        *(["validate", *rest] for rest in (["--help"], ["-f", "x"], ["-f"])),
        *(["serve", *rest] for rest in (["--help"], ["--port"], ["--port", "-1"], ["--port", "65536"])),
        *(["serve", *rest] for rest in (["--port=7007"], ["app-config.yaml"], ["--host", "--port"])),
        ["serve", "--workers", "x"],
    ],
)
def test_what_is_not_plain_is_left_to_the_long_way(arguments: list[str]) -> None:
    assert plain.run(arguments) is None


@pytest.mark.thorough
def test_a_plain_check_needs_no_argument_parser_of_its_own(folder: Path) -> None:
    code = (
        "import sys; sys.argv = ['backstage-py', 'validate', 'clean.yaml']\n"
        "from backstage_py.cli.entry import main\n"
        "try: main()\n"
        "except SystemExit as end:\n"
        "    heavy = {'pydantic', 'rich', 'asyncio', 'multiprocessing'} & set(sys.modules)\n"
        "    sys.exit(end.code or ', '.join(heavy) or 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (0, "No problems found.\n", "")
