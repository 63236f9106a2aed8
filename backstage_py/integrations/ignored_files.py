"""Which files of a folder count for a commit: git itself is asked, with none of its configuration honoured."""

import os
import subprocess
import tempfile
from pathlib import Path

from backstage_py.errors import ForeignError
from backstage_py.integrations.git import quiet_environment

_SECONDS = 60
_NONE_IGNORED = 1


def not_ignored(folder: Path) -> list[Path]:
    """Return files and links below ``folder`` that no ``.gitignore`` names, in the order of names; nothing of ``.git``.

    Raises:
        ForeignError: git fails.
    """
    names = _walk(folder)
    if not any(Path(name).name == ".gitignore" for name in names):
        return [folder / name for name in names]
    ignored = _ignored(folder, names)
    return [folder / name for name in names if name not in ignored]


def _walk(folder: Path) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = sorted(name for name in folders if name != ".git" and name not in links)
        found += [os.path.relpath(Path(parent, name), folder) for name in [*files, *links] if name != ".git"]
    return sorted(found)


def _ignored(folder: Path, names: list[str]) -> set[str]:
    with tempfile.TemporaryDirectory(prefix="backstage-git-") as repository:
        at = ["git", "--git-dir", repository, "--work-tree", str(folder)]
        _git(["git", "init", "--quiet", "--template=", "--bare", repository], folder)
        said = _git([*at, "check-ignore", "--no-index", "-z", "--stdin"], folder, b"\0".join(map(os.fsencode, names)))
        return {os.fsdecode(name) for name in said.split(b"\0") if name}


def _git(arguments: list[str], folder: Path, given: bytes = b"") -> bytes:
    done = subprocess.run(
        arguments, cwd=folder, env=quiet_environment(), input=given, capture_output=True, timeout=_SECONDS, check=False
    )
    if done.returncode not in {0, _NONE_IGNORED}:
        raise ForeignError(f"git failed: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
