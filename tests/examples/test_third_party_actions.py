"""The tutorial and the example package, as somebody would follow them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "02-third-party-actions"
_PART = re.compile(r"<!-- (file: (?P<file>\S+)|run) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)


def run(command: list[str], folder: Path, *paths: Path) -> str:
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "200",
    }
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.thorough
def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    said = []
    for part in _PART.finditer((ROOT / "actions" / "README.md").read_text(encoding="utf-8")):
        if name := part["file"]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(part["text"], encoding="utf-8")
        else:
            said.append(run(["bash", "-ec", part["text"]], tmp_path))
    tested, tried = said
    assert "2 passed" in tested
    assert "Hello, Ada" in tried
    everything = (tmp_path / "actions").glob("test_*.py")
    assert f"{len(list(everything)) + 1} passed" in run([sys.executable, "-m", "pytest", "-q", "actions"], tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package with pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "package"
    run(["cp", "-r", str(EXAMPLE), str(source)], folder)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
    run([sys.executable, "-m", "pip", "install", *options, str(source)], folder)
    return folder


@pytest.mark.thorough
def test_the_packages_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    run(["cp", "-r", str(EXAMPLE / "tests"), str(tmp_path)], tmp_path)
    assert "6 passed" in run([sys.executable, "-m", "pytest", "-q", "tests"], tmp_path, installed)


@pytest.mark.thorough
def test_what_it_brings_is_found_and_used(installed: Path, tmp_path: Path) -> None:
    listed = run(["backstage-py", "actions", "acme:ticket:create", "--markdown"], tmp_path, installed)
    assert "Open a ticket in the name of the user" in listed
    template = str(EXAMPLE / "template.yaml")
    tried = run(["backstage-py", "dry-run", template, "-v", "title=The Shop"], tmp_path, installed)
    assert "the-shop.acme.example pays CC-1002" in tried
    assert "acme:ticket:create does not support dry-run" in tried
