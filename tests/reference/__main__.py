"""Compares this service with a release of Backstage: ``./dev reference --release X``, or ``latest``.

Installs the release into ``.dev/reference/X``, runs it on PostgreSQL, and writes ``docs/reference/X.md``.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.reference import changelog, kit, packages, page, suites


def main() -> int:
    """Run the comparison; the exit status is 1 when this service lacks something."""
    options = argparse.ArgumentParser(prog="./dev reference", description="Compare with a release of Backstage.")
    options.add_argument("--release", default=packages.LATEST, help="a release that is kept, or latest (default)")
    options.add_argument("--install", action="store_true", help="install it, print where, and stop")
    chosen = options.parse_args()
    release, package = packages.resolve(chosen.release)
    folder = suites.ROOT / ".dev" / "reference" / release
    packages.install(release, package, folder)
    if chosen.install:
        _say(str(folder))
        return 0
    os.environ["BACKSTAGE_PY_ANCHOR"] = str(folder)
    try:
        found = compare(release, package["dependencies"], folder)
    except pytest.skip.Exception as lacking:  # the helper of the tests that starts PostgreSQL
        raise SystemExit(f"reference: {lacking}") from None
    target = suites.ROOT / "docs" / "reference" / f"{release}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(page.write(found), encoding="utf-8")
    lacking_here = page.lacks(found)
    _say(f"{target.relative_to(suites.ROOT)}: {len(lacking_here)} lacking")
    return 1 if lacking_here else 0


def compare(release: str, now: dict[str, str], folder: Path) -> page.Findings:
    """Return what the comparison finds; what each part takes is printed as it goes."""
    previous = packages.before(release)
    before = packages.manifest(previous)["dependencies"]
    with tempfile.TemporaryDirectory(prefix="backstage-py-reference-") as work:

        def place(name: str) -> Path:
            made = Path(work) / name.replace(" ", "-")
            made.mkdir()
            _say(f"{name} ({time.monotonic() - started:.0f} s)")
            return made

        started = time.monotonic()
        theirs = kit.of_backstage(place("calls to Backstage"))
        ours = kit.of_ours(place("calls to this service"))
        outcomes = {name: suites.run(name, folder, place(name)) for name in suites.SUITES}
        return page.Findings(
            release=release,
            previous=previous,
            now=now,
            before=before,
            theirs=theirs,
            ours=ours,
            suites=outcomes,
            changes=changelog.between(folder / "node_modules", before, now),
            reviewed=page.reviewed(packages.HERE / release / "reviewed.json"),
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
