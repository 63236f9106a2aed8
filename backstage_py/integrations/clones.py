"""What a folder's ``.git`` says, read without running git there: whoever wrote the folder wrote that, too."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import NotAllowedError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BRANCH = re.compile(r"ref: (refs/heads/[\w./-]+)", re.ASCII)
_ORIGIN = re.compile(r'^\[remote "origin"\]\n(?:\t.*\n)*?\turl = (\S+)$', re.MULTILINE)
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Clone:
    """A repository that a folder holds; ``commit`` is checked out, ``objects`` the folder that has it.

    ``branch`` is the one that is checked out, and ``origin`` where it was cloned from, as far as the folder says.
    """

    commit: str
    objects: Path
    branch: str | None = None
    origin: str | None = None


def find(folder: Path) -> Clone | None:
    """Return the clone that a folder is; None when it is none, or has no commit yet.

    Raises:
        NotAllowedError: it leads to files outside: links, or the objects of other repositories.
    """
    inner = folder / ".git"
    objects = inner / "objects"
    if inner.is_symlink() or not objects.is_dir():
        return None
    if _leads_out(inner):
        raise NotAllowedError("The repository in the workspace leads to files outside of it")
    commit = _checked_out(inner)
    if not commit:
        return None
    named = _BRANCH.fullmatch(_text(inner / "HEAD"))
    origin = _ORIGIN.search(_text(inner / "config"))
    branch = named[1].removeprefix("refs/heads/") if named else None
    return Clone(commit, objects, branch, origin[1] if origin else None)


def _leads_out(inner: Path) -> bool:
    if (inner / "objects" / "info" / "alternates").exists():
        return True
    entries = (Path(root, name) for root, folders, files in os.walk(inner) for name in (*folders, *files))
    return any(one.is_symlink() for one in entries)


def _checked_out(inner: Path) -> str | None:
    head = _text(inner / "HEAD")
    if _COMMIT.fullmatch(head):
        return head
    named = _BRANCH.fullmatch(head)
    if not named or ".." in named[1]:
        return None
    loose = _text(inner / named[1])
    packed = re.search(rf"^([0-9a-f]{{40}}) {re.escape(named[1])}$", _text(inner / "packed-refs"), re.MULTILINE)
    return loose if _COMMIT.fullmatch(loose) else packed[1] if packed else None


def _text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > _LARGEST:
        return ""
    return path.read_text("utf-8", "replace").strip()
