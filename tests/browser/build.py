"""Builds Backstage's own frontend into ``.dev/frontend/dist``: ``python -m tests.browser.build``; prints the folder.

``frontend`` holds an app of one call, the packages of Backstage 1.57.1 that it finds by itself, and a lock file with
versions and checksums and no address.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from tests.reference import packages

SOURCE = Path(__file__).resolve().parent / "frontend"
TARGET = SOURCE.parents[2] / ".dev" / "frontend"


def main() -> None:
    """Build, unless what is there was built of the same files."""
    dist, stamp = TARGET / "dist", TARGET / "built-of"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == _fingerprint()):
        shutil.copytree(SOURCE, TARGET, dirs_exist_ok=True)
        packages.npm("ci", *packages.OPTIONS, folder=TARGET)
        packages.npm("exec", "--", "backstage-cli", "package", "build", "--config", "app-config.yaml", folder=TARGET)
        stamp.write_text(_fingerprint(), encoding="utf-8")
    sys.stdout.write(f"{dist}\n")


def _fingerprint() -> str:
    files = sorted(path for path in SOURCE.rglob("*") if path.is_file())
    parts = [str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


if __name__ == "__main__":
    main()
