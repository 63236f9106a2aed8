"""Builds the page of ``backstage-py dev``: ``./dev page``; with ``--check`` says whether what is committed is that.

The packages come from the lock file, which holds versions and checksums and no address, into ``.dev/page``.
"""

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

from tests.oracle import tools
from tests.reference import packages

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "backstage_py" / "http" / "page_src"
BUILT = ROOT / "backstage_py" / "http" / "page"
WORK = ROOT / ".dev" / "page"
FILES = ("index.html", "licences.txt", "page.css", "page.js")
_NEEDED = ("package.json", "package-lock.json")


def main(arguments: list[str]) -> int:
    """Build, and replace what is committed or compare with it; return an exit status."""
    if reason := _missing():
        sys.stderr.write(f"{reason}\n")
        return 2
    out = build(WORK)
    if "--check" not in arguments:
        BUILT.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copyfile(out / name, BUILT / name)
        sys.stdout.write(f"wrote {BUILT.relative_to(ROOT)}: page.js {(BUILT / 'page.js').stat().st_size:,} bytes\n")
        return 0
    stale = [name for name in FILES if not filecmp.cmp(out / name, BUILT / name, shallow=False)]
    if stale:
        sys.stderr.write(f"{', '.join(stale)} of {BUILT.relative_to(ROOT)} are not built of the sources: ./dev page\n")
        return 1
    sys.stdout.write(f"{BUILT.relative_to(ROOT)} is built of its sources\n")
    return 0


def build(work: Path) -> Path:
    """Install the packages, unless they are there, and build; return the folder of the files."""
    node = tools.node()
    assert node is not None
    work.mkdir(parents=True, exist_ok=True)
    for name in (*_NEEDED, "build.mjs"):
        shutil.copyfile(SOURCES / name, work / name)
    stamp = work / "node_modules" / ".built-of"
    locked = (SOURCES / "package-lock.json").read_bytes()
    if not (stamp.is_file() and stamp.read_bytes() == locked):
        packages.npm("ci", *packages.OPTIONS, folder=work)
        stamp.write_bytes(locked)
    shutil.rmtree(work / "src", ignore_errors=True)
    shutil.copytree(SOURCES / "src", work / "src")
    shutil.rmtree(work / "out", ignore_errors=True)
    subprocess.run([node, "build.mjs", "out"], cwd=work, check=True)
    return work / "out"


def compare_validators(work: Path) -> str:
    """Run ``compare.mjs`` in the folder that was built in; return what it writes."""
    node = tools.node()
    assert node is not None
    shutil.copyfile(Path(__file__).with_name("compare.mjs"), work / "compare.mjs")
    bundler = [node, str(work / "node_modules" / "esbuild" / "bin" / "esbuild")]
    aliases = {"lodash": "lodash-es", "react": "preact/compat", "react/jsx-runtime": "preact/jsx-runtime"}
    options = ["--bundle", "--platform=node", "--log-level=error", *(f"--alias:{a}={b}" for a, b in aliases.items())]
    subprocess.run([*bundler, "compare.mjs", *options, "--outfile=compare.cjs"], cwd=work, check=True)
    return subprocess.run([node, "compare.cjs"], cwd=work, check=True, capture_output=True, text=True).stdout


def _missing() -> str | None:
    if tools.npm() is None or tools.node() is None:
        return "npm is missing: ./dev oracle installs it"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
