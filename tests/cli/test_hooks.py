"""The pre-commit hooks and the composite action, run by the tools that run them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backstage_py.cli.main import app
from backstage_py.model import yaml
from backstage_py.model.json import JsonObject

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
WRONG, MEANT = "fetch:templat", "fetch:template"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command of this checkout as an executable of its own, on the path."""
    path = tmp_path / "bin" / "backstage-py"
    path.parent.mkdir()
    path.write_text(
        f'#!/bin/sh\nPYTHONPATH={os.pathsep.join(sys.path)} exec {sys.executable} -m backstage_py.cli "$@"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a golden path, as ``new`` makes it."""
    folder = tmp_path / "repository"
    made = CliRunner().invoke(app, ["new", "golden-path", "shop", "--out", str(folder)])
    assert made.exit_code == 0, made.output
    return folder


def break_template(repository: Path) -> None:
    path = repository / "templates" / "shop" / "template.yaml"
    path.write_text(path.read_text().replace("action: fetch:template", f"action: {WRONG}"))


# --- pre-commit


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def hooked(tmp_path: Path, repository: Path) -> "subprocess.CompletedProcess[str]":
    """Run the hooks over a repository; their manifest is ours, but for the installation, which would take minutes."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    manifest = (ROOT / ".pre-commit-hooks.yaml").read_text().replace("language: python", "language: system")
    (hooks / ".pre-commit-hooks.yaml").write_text(manifest)
    for folder in (hooks, repository):
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "all")
    ids = [hook["id"] for hook in yaml.load(manifest)]
    config = {
        "repos": [{"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD"), "hooks": [{"id": i} for i in ids]}]
    }
    (repository / ".pre-commit-config.yaml").write_text(yaml.dump(config))
    git(repository, "add", "--all")
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    run = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--verbose"]
    return subprocess.run(run, cwd=repository, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.thorough
@pytest.mark.usefixtures("command")
def test_hooks_pass_what_new_writes(tmp_path: Path, repository: Path) -> None:
    done = hooked(tmp_path, repository)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 3
    assert "No problems found." in done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.thorough
@pytest.mark.usefixtures("command")
def test_hooks_stop_a_mistake(tmp_path: Path, repository: Path) -> None:
    break_template(repository)

    done = hooked(tmp_path, repository)

    assert done.returncode == 1
    assert done.stdout.count("Failed") == 3
    assert f'Unknown action "{WRONG}"' in done.stdout
    assert "files were modified by this hook" in done.stdout  # by the last one, which mends
    assert f"action: {MEANT}" in (repository / "templates/shop/template.yaml").read_text()


@pytest.mark.thorough
def test_manifest_is_one_of_pre_commit() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")]
    subprocess.run(command, check=True)


def test_file_of_a_skeleton_that_is_named_alone_is_no_mistake(repository: Path) -> None:
    """Hooks of one's own, and editors, name each file that changed."""
    skeleton = repository / "templates" / "shop" / "skeleton" / "catalog-info.yaml"
    assert "${{ values.name | dump }}" in skeleton.read_text()

    result = CliRunner().invoke(app, ["validate", "--strict", str(skeleton)])

    assert (result.exit_code, result.stdout) == (0, "No problems found.\n")


# --- the composite action


ACTION: JsonObject = yaml.load((ROOT / "action.yml").read_text())


def step(name: str) -> JsonObject:
    found: JsonObject = next(one for one in ACTION["runs"]["steps"] if one.get("name") == name)
    return found


def filled(text: str, values: dict[str, str]) -> str:
    """Fill in the expressions of a step as the runner does."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: values[found[1]], text)


def run_step(name: str, folder: Path, temp: Path, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """Run a step as GitHub does: its script in a file, through the shell's template, with its environment."""
    defaults = {key: str(one["default"]) for key, one in ACTION["inputs"].items()}
    given = {**defaults, **{key.replace("_", "-"): value for key, value in inputs.items()}}
    values = {f"inputs.{key}": value for key, value in given.items()} | {"github.action_path": str(ROOT)}
    environment = {key: filled(text, values) for key, text in step(name)["env"].items()}
    script = temp / "step.sh"
    script.write_text(filled(step(name)["run"], values))
    assert BASH is not None
    return subprocess.run(
        [BASH, "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder,
        env={**os.environ, "RUNNER_TEMP": str(temp), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def temp(tmp_path: Path, command: Path) -> Path:
    """The runner's temporary folder after the step that installs."""
    folder = tmp_path / "runner"
    (folder / "backstage-py" / "bin").mkdir(parents=True)
    (folder / "backstage-py" / "bin" / "backstage-py").symlink_to(command)
    return folder


@pytest.mark.thorough
def test_action_metadata_is_what_github_reads() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    subprocess.run([*command, str(ROOT / "action.yml")], check=True, capture_output=True)


@pytest.mark.thorough
def test_action_passes_what_new_writes(repository: Path, temp: Path) -> None:
    checked = run_step("Validate", repository, temp, strict="true")
    tested = run_step("Test", repository, temp)

    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert tested.stdout.endswith("2 passed\n")


@pytest.mark.thorough
def test_action_annotates_the_line_and_writes_sarif(repository: Path, temp: Path) -> None:
    break_template(repository)

    done = run_step("Validate", repository, temp, paths="templates\ncatalog-info.yaml", sarif="found.sarif")

    assert done.returncode == 1
    annotation = r"^::error file=templates/shop/template\.yaml,line=\d+,col=15,title=BPY201::"
    assert re.search(annotation, done.stdout, re.MULTILINE)
    assert '"ruleId": "BPY201"' in (repository / "found.sarif").read_text()


@pytest.mark.thorough
def test_action_fails_when_it_could_not_run(repository: Path, temp: Path) -> None:
    assert run_step("Validate", repository, temp, paths="nowhere", sarif="found.sarif").returncode == 2


def test_action_without_test_cases_tests_nothing(repository: Path, temp: Path) -> None:
    assert (done := run_step("Test", repository, temp, paths=".github")).returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("version", "extras", "installed"),
    [
        ("", "", str(ROOT)),
        ("", "serve", f"{ROOT}[serve]"),
        ("1.2.3", "", "backstage-py==1.2.3"),
        ("1.2.3", "serve", "backstage-py[serve]==1.2.3"),
    ],
)
def test_action_installs_its_own_version_or_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, extras: str, installed: str
) -> None:
    """The interpreter of the runner is replaced, since an installation takes minutes; it notes what pip is told."""
    fake = tmp_path / "fake" / "python"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"\nprintf \'#!/bin/sh\\necho "$@"\\n\' > "$3/bin/pip"\nchmod +x "$3/bin/pip"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)

    done = run_step("Install", tmp_path, tmp_path, version=version, extras=extras)

    assert done.stdout.split()[0] == "install"
    assert done.stdout.split()[-1] == installed
