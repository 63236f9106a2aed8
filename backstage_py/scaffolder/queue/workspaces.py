"""The folders of attempts below the working directory: ``<task id>``, later ``<task id>-<number of the claim>``.

What an action needs beside its workspace is called ``…_step-…``. The first attempt's folder is named as Backstage names
a task's, since the lines of a log show it.

An attempt works in a folder of its own, so whatever an earlier one still does, it does to its own. The folder goes when
the attempt ends, and stays when its worker dies: an attempt that goes on behind completed steps takes it over, under
its own name. It is renamed when nobody works in it any more, which a lock on the folder tells, else copied.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from backstage_py import threads
from backstage_py.errors import BackstageError
from backstage_py.scaffolder.queue.removal import remove_folders, remove_tree

_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-(\d+))?(\.part|_step-.*)?")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkspaceLost(BackstageError):  # noqa: N818  # what happened, as with ClaimLost
    """A task cannot go on: what its completed steps made is neither here nor in a snapshot."""


class Left(NamedTuple):
    """A folder of an attempt: its workspace, or (``is_beside``) what an action or a copy needed beside it."""

    task_id: str
    number: int
    path: Path
    is_beside: bool


@dataclass(slots=True)
class AttemptFolder:
    """The workspace of an attempt, locked while the attempt may write to it.

    Attributes:
        number: of the claim.
        lock: the descriptor that holds the lock; None where the file system has none.
    """

    task_id: str
    number: int
    path: Path
    lock: int | None

    def let_go(self) -> None:
        """Let a later attempt take the folder over: nothing of this one works in it any more."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


class WorkspaceFolders:
    """Makes, hands on and removes the folders of attempts.

    Args:
        root: the working directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def open(self, task_id: str, number: int) -> AttemptFolder:
        """Return a new, empty folder."""
        path = self._path(task_id, number)
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # only after the database was restored from a backup
            await threads.file_work(remove_tree, path)
            path.mkdir(parents=True)
        return AttemptFolder(task_id, number, path, _locked(path))

    async def take_over(self, task_id: str, number: int, *, since: int) -> AttemptFolder | None:
        """Return a folder with what an earlier attempt left on this machine; None when there is nothing.

        Args:
            task_id: the task.
            number: of the attempt that goes on.
            since: the attempt that completed the task's newest step; a folder of one before lacks what that step made.
        """
        left = [one for one in self.left_behind(task_id) if since <= one.number < number and not one.is_beside]
        if not left:
            return None
        newest = max(left, key=lambda one: one.number)
        return await threads.file_work(self._take_over, newest, number)

    async def remove(self, folder: AttemptFolder) -> None:
        """Remove an attempt's folder, and all that attempts before it have left; never what a later one has."""
        paths = [folder.path]
        if folder.number > 1:
            paths += [one.path for one in self.left_behind(folder.task_id) if one.number <= folder.number]
        await remove_folders(paths, then=folder.let_go)

    def left_behind(self, task_id: str = "") -> Sequence[Left]:
        """Return the folders that are named after an attempt: of a task, or of all."""
        return list(self._found(f"{task_id}*"))

    def _found(self, pattern: str) -> Iterator[Left]:
        for path in self._root.glob(pattern):
            named = _NAME.fullmatch(path.name)
            if named and path.is_dir():
                yield Left(named[1], int(named[2] or 1), path, bool(named[3]))

    def _path(self, task_id: str, number: int) -> Path:
        return self._root / (task_id if number == 1 else f"{task_id}-{number}")

    def _take_over(self, left: Left, number: int) -> AttemptFolder:
        path = self._path(left.task_id, number)
        lock = _locked(left.path)
        if lock is not None:
            left.path.rename(path)
        else:
            _copy(left.path, path)
            lock = _locked(path)
        return AttemptFolder(left.task_id, number, path, lock)


def _locked(path: Path) -> int | None:
    """Lock a folder; None when another has the lock, or the file system knows no locks of folders."""
    descriptor = os.open(path, _FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _copy(source: Path, target: Path) -> None:
    """Copy a folder; the copy appears whole or not at all.

    Raises:
        WorkspaceLost: not all of it can be read.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        shutil.copytree(source, part, symlinks=True, ignore=_special)
    except shutil.Error as error:
        with contextlib.suppress(OSError):
            remove_tree(part)
        raise WorkspaceLost(
            f"The workspace of an earlier attempt cannot be copied ({error.args[0][0][2]}); start the task again"
        ) from error
    part.rename(target)


def _special(folder: str, names: list[str]) -> list[str]:
    """Return the names of what is no file, folder or link: a copy of a pipe would wait for its other end."""
    kinds = {name: stat.S_IFMT(os.lstat(Path(folder, name)).st_mode) for name in names}
    return [name for name, kind in kinds.items() if kind not in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}]
