"""What the documentation tells people to type works today: before there is a release on an index, nothing names one."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from backstage_py.cli.commands import install_source
from backstage_py.cli.main import app
from tests.packaging import pictures

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEXTS = [
    *(
        ROOT / name
        for name in ("README.md", "actions/README.md", "action.yml", ".pre-commit-hooks.yaml", "SECURITY.md")
    ),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "examples").glob("*/README.md"),
    *(path for path in (ROOT / "skeletons").rglob("*") if path.is_file() and "skeleton" not in path.parts),
]
COMMAND = re.compile(r"\b(pip install|uvx|uv tool (?:install|run)|pipx (?:run|install)) ([^`#\n]*)")
VALUE_OPTIONS = ("--from", "--spec")


def installed_by(command: str, rest: str) -> Iterator[str]:
    """Yield what a command line installs."""
    words = shlex.split(rest.partition("&&")[0])
    if command != "pip install":
        named = [words[at + 1] for at, word in enumerate(words[:-1]) if word in VALUE_OPTIONS]
        yield from named or words[:1]
        return
    yield from (word for word in words if not word.startswith("-"))


def named_in_texts() -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), what)
        for path in TEXTS
        for command, rest in COMMAND.findall(path.read_text(encoding="utf-8"))
        for what in installed_by(command, rest)
    ]


def test_install_lines_name_the_checkout_and_extras_that_there_are() -> None:
    found = named_in_texts()

    assert ("README.md", ".") in found
    assert ("README.md", ".[serve]") in found
    for place, what in found:
        if what == "pytest" or what.startswith(("$", "./examples/")):
            continue
        path, _, extras = what.removesuffix("]").partition("[")
        assert path == ".", f"{place} installs {what}, which no index has"
        assert set(extras.split(",")) - {""} <= set(PROJECT["optional-dependencies"]), place


@pytest.mark.thorough
def test_what_they_name_is_found_by_pip_without_an_index() -> None:
    offline = ["--dry-run", "--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *offline, ".[serve]"]

    subprocess.run(command, cwd=ROOT, check=True, timeout=300)


@pytest.mark.parametrize("kind", ["golden-path", "action"])
def test_generated_files_install_what_runs_here(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert CliRunner().invoke(app, ["new", kind, "shop", "--out", "made"]).exit_code == 0

    texts = [one.read_text() for one in (tmp_path / "made").rglob("*") if one.is_file()]
    named = [one for text in texts for one in re.findall(r"""["'](backstage-py(?:\[\w+\])?(?: @ [^"']+)?)["']""", text)]
    assert named
    for one in named:
        requirement = Requirement(one)
        assert requirement.url, f"{one} names what no index has"
        assert requirement.url.startswith(("git+", "file://"))


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (
            {"url": "https://jane:t0ken@git.acme.test/a/b.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "backstage-py[serve] @ git+https://git.acme.test/a/b.git@abc",
        ),
        (
            {"url": "https://acme.test/backstage_py.whl", "archive_info": {}},
            "backstage-py[serve] @ https://acme.test/backstage_py.whl",
        ),
        ({}, "backstage-py[serve]"),
    ],
)
def test_a_requirement_says_where_the_package_came_from_and_no_token(
    monkeypatch: pytest.MonkeyPatch, noted: dict[str, object], expected: str
) -> None:
    monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda _self, _name: json.dumps(noted))

    assert install_source.requirement(("serve",)) == expected


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("git@git.acme.test:team/tool.git", "git+ssh://git@git.acme.test/team/tool.git@"),
        ("https://jane:t0ken@git.acme.test/team/tool.git", "git+https://git.acme.test/team/tool.git@"),
        ("/srv/tool", "file://"),
    ],
)
def test_a_checkout_is_named_by_its_remote(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, remote: str, expected: str
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@acme.test"]
    for arguments in (
        ["init", "-q"],
        ["remote", "add", "origin", remote],
        ["commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run([*git, *arguments], check=True)
    noted = json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda _self, _name: noted)

    assert install_source.requirement().startswith(f"backstage-py @ {expected}")
    assert "t0ken" not in install_source.requirement()


def test_the_picture_in_the_readme_is_what_validate_shows() -> None:
    """``python -m tests.packaging.pictures > docs/validate.svg`` draws it again."""
    assert (ROOT / "docs" / "validate.svg").read_text() == pictures.validate_svg()


def test_links_between_documents_lead_somewhere() -> None:
    for path in TEXTS:
        if path.suffix == ".md" and "skeletons" not in path.parts:
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
                if "://" not in target and not target.startswith("mailto:"):
                    assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"
