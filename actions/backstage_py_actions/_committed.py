"""The files of a folder as they go into a commit."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from backstage_py.integrations import ignored_files

_EXECUTABLE = 0o111


@dataclass(frozen=True, slots=True)
class File:
    """A file to commit. ``mode`` as git writes it; a link's content is its target."""

    path: str
    mode: str
    content: bytes


async def files_of(folder: Path) -> list[File]:
    """Return what a folder holds for a commit: without ``.git``, what ``.gitignore`` names, and links to files.

    A link that leads to something is left out and one that leads nowhere is kept, as in Backstage.
    """
    return await asyncio.to_thread(_read, folder, await ignored_files.not_ignored(folder))


def _read(folder: Path, paths: list[Path]) -> list[File]:
    found = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            if not path.exists():
                found.append(File(name, "120000", os.fsencode(path.readlink())))
            continue
        mode = "100755" if path.lstat().st_mode & _EXECUTABLE else "100644"
        found.append(File(name, mode, path.read_bytes()))
    return found
