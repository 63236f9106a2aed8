"""The tests of a project's actions, as ``backstage-py dev`` runs them: by pytest, where they are trusted."""

import asyncio
import os
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from backstage_py.cli import child
from backstage_py.cli.local import own_actions
from backstage_py.cli.local import trust as trusting
from backstage_py.cli.local.trust import Trust
from backstage_py.lint.config import Config

_SKIPPED = frozenset({"node_modules", "venv", "__pycache__", "skeleton", "skeletons", "template", "content", "golden"})
_DEEPEST = 4
_STOP_SECONDS = 5.0
_SECONDS = 300.0
_NO_TESTS = 5
_GROUP = "backstage_py.actions"


def folders(path: Path, config: Config) -> list[Path]:
    """Return where pytest is to be run: in packages of actions, and in the folder of actions or beside it."""
    found = list(_packages(path, _DEEPEST))
    own = own_actions.configured(config)
    for folder in (own, own and own.parent / "tests"):
        if folder and folder.is_dir() and _has_tests(folder) and not any(map(folder.is_relative_to, found)):
            found.append(folder)
    return found


async def run(path: Path, config: Config, trust: Trust) -> tuple[bool, str]:
    """Run them; return whether all went well, and what there is to say, which may be nothing."""
    wanted = [one for one in folders(path, config) if trust.allows(trusting.python(one))]
    if not wanted:
        return True, ""
    if find_spec("pytest") is None:
        return True, "The tests of actions were not run: pytest is not installed here"
    said = [await _pytest(folder) for folder in wanted]
    return all(well for well, _ in said), "\n".join(text for _, text in said)


async def _pytest(folder: Path) -> tuple[bool, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=short"),
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        return False, f"The tests in {folder.name} took longer than {_SECONDS:g} s"
    finally:
        await child.stop(process, _STOP_SECONDS)
    text = output.decode("utf-8", "replace").strip()
    if process.returncode == _NO_TESTS:
        return True, ""
    summary = text if process.returncode else text.splitlines()[-1] if text else ""
    return process.returncode == 0, f"Tests of the actions in {_shown(folder)}: {summary}"


def _shown(folder: Path) -> str:
    return os.path.relpath(folder)


def _packages(path: Path, depth: int) -> Iterator[Path]:
    """Yield the folders below a path whose ``pyproject.toml`` brings actions, and that have tests."""
    if _brings_actions(path / "pyproject.toml"):
        if _has_tests(path):
            yield path
        return
    if depth == 0:
        return
    try:
        inner = sorted(one for one in path.iterdir() if one.is_dir() and not one.is_symlink())
    except OSError:
        return
    for folder in inner:
        if folder.name not in _SKIPPED and not folder.name.startswith("."):
            yield from _packages(folder, depth - 1)


def _brings_actions(file: Path) -> bool:
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    except (OSError, ValueError):  # a file that cannot be read, or is no TOML
        return False
    points = project.get("entry-points") if isinstance(project, dict) else None
    return isinstance(points, dict) and _GROUP in points


def _has_tests(folder: Path) -> bool:
    return any(True for pattern in ("test_*.py", "*_test.py") for _ in folder.rglob(pattern))
