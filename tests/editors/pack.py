"""Packs the extension for VS Code with its own tools, in ``.dev/editors``: ``python -m tests.editors.pack``.

The lock file holds versions and checksums and no address: packages come from whichever registry npm is configured for.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.oracle import tools
from tests.reference import packages

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "docs" / "editors" / "vscode"
WORK = ROOT / ".dev" / "editors"
_LEAST_NODE = 22
_TOOL = Path("node_modules/@vscode/vsce/vsce")


def missing() -> str | None:
    """Return what keeps the extension from being packed here, and what to do about it; None if nothing does."""
    if node() is None:
        return "Node.js 22 or later is missing: ./dev oracle installs it"
    if not _is_current():
        return "the tools that pack the extension are missing: run ./dev run python -m tests.editors.pack"
    return None


def node() -> str | None:
    """Return a Node.js that is new enough for the tools."""
    for found in (tools.bundled_node(), tools.node()):
        if found and _version(found) >= _LEAST_NODE:
            return found
    return None


def install() -> None:
    """Install what ``package-lock.json`` names, unless it is there."""
    if _is_current():
        return
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(SOURCES / name, WORK / name)
    packages.npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=WORK)
    _stamp().write_bytes((SOURCES / "package-lock.json").read_bytes())


def pack(out: Path) -> str:
    """Pack the extension into a file and return what the tool says."""
    for file in SOURCES.iterdir():
        shutil.copy(file, WORK / file.name)
    shutil.copy(ROOT / "LICENSE", WORK / "LICENSE")
    command = [str(node()), str(_TOOL), "package", "--allow-missing-repository", "--out", str(out)]
    done = subprocess.run(command, cwd=WORK, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _is_current() -> bool:
    return _stamp().is_file() and _stamp().read_bytes() == (SOURCES / "package-lock.json").read_bytes()


def _stamp() -> Path:
    return WORK / "node_modules" / ".packed-with"


def _version(program: str) -> int:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return int(shown.strip().removeprefix("v").partition(".")[0] or 0)


if __name__ == "__main__":
    install()
    sys.stdout.write(pack(WORK / "backstage-py.vsix"))
