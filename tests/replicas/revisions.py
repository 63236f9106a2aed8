"""The revision before this one, unpacked from the repository's own history."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.replicas.replica import ROOT

_BEFORE = "50c68fd"
_PARTS = ("pyproject.toml", "backstage_py", "actions", "schemas", "skeletons")


def previous(folder: Path) -> Path:
    """Unpack the newest release into a folder, or the last commit before the first one that has replicas in its tests.

    A clone without history skips the test; CI, where nothing may be skipped, clones all of it.
    """
    revision = _git("describe", "--tags", "--abbrev=0", "HEAD^").decode().strip() or _BEFORE
    archive = _git("archive", revision, *_PARTS)
    if not archive:
        pytest.skip(f"the history is missing (git fetch --unshallow --tags): there is no {revision}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        content.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        content.extractall(folder)  # our own history
    return folder


def _git(*arguments: str) -> bytes:
    """Return what git says, nothing when it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""
