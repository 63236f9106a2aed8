"""Removing folders of tasks, whatever actions made of them."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter

from backstage_py import threads
from backstage_py.plugin import short_work

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FEW = 256
_MOMENT = 0.005
"""Seconds that the event loop spares for it: nobody waits for a removal, and a busy disk takes its time with each."""


async def remove_folders(folders: Iterable[Path], then: Callable[[], None] = lambda: None) -> None:
    """Remove folders, as far as they exist, and call ``then``: for a moment at once, the rest in a thread."""
    work = _removing(list(folders), then)
    until = perf_counter() + _MOMENT
    if not all(is_short and perf_counter() < until for is_short in work):
        await asyncio.shield(threads.file_work(short_work.finish, work))


def _removing(folders: list[Path], then: Callable[[], None]) -> Iterator[bool]:
    """Remove, and yield whether what comes next is over in a moment."""
    for folder in folders:
        try:
            yield from _clear(os.open(folder, _FOLDER))
            folder.rmdir()
        except OSError:  # it is gone, or not ours to write to
            if os.path.lexists(folder):
                yield False
                remove_tree(folder)
    then()


def _clear(descriptor: int) -> Iterator[bool]:
    """Empty an open folder and close it. No link is followed."""
    try:
        with os.scandir(descriptor) as entries:
            found = list(entries)
        yield len(found) <= _FEW
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _clear(os.open(entry.name, _FOLDER, dir_fd=descriptor))
                os.rmdir(entry.name, dir_fd=descriptor)
            else:
                os.unlink(entry.name, dir_fd=descriptor)
            yield True
    finally:
        os.close(descriptor)


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
