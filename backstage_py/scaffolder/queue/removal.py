"""Removing folders of tasks, whatever actions made of them."""

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from backstage_py import threads

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FEW = 256


async def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders, as far as they exist: small ones at once, others in a thread."""
    for folder in folders:
        if not _removed_at_once(folder):
            await asyncio.shield(threads.file_work(remove_tree, folder))


def _removed_at_once(folder: Path) -> bool:
    """Remove a folder with few entries; False when something is left of it. No link is followed."""
    try:
        _clear(os.open(folder, _FOLDER), _FEW)
        folder.rmdir()
    except FileNotFoundError:
        return not os.path.lexists(folder)
    except (OSError, _TooManyError):
        return False
    return True


class _TooManyError(Exception):
    """A folder holds more than can be removed in a moment."""


def _clear(descriptor: int, left: int) -> int:
    """Empty an open folder and close it; return how many more entries may go.

    Raises:
        _TooManyError: there are more; some of them are gone.
    """
    try:
        with os.scandir(descriptor) as entries:
            found = list(entries)
        left -= len(found)
        if left < 0:
            raise _TooManyError
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                left = _clear(os.open(entry.name, _FOLDER, dir_fd=descriptor), left)
                os.rmdir(entry.name, dir_fd=descriptor)
            else:
                os.unlink(entry.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    return left


def remove_tree(path: Path) -> None:
    """Remove a folder even where an action took away the right to write in it. What stays is left to the operator."""

    def make_writable(function: object, failed: str, _error: object) -> None:
        del function
        target = Path(failed)
        try:
            target.parent.chmod(0o700)
            if target.is_dir() and not target.is_symlink():
                target.chmod(0o700)
                shutil.rmtree(target, ignore_errors=True)
            else:
                target.unlink(missing_ok=True)
        except OSError:
            return

    shutil.rmtree(path, onerror=make_writable)
