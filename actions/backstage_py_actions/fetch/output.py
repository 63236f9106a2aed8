"""Writing into the workspace: each path contained when it is written, few system calls for each file."""

import errno
import os
import shutil
from pathlib import Path

from backstage_py.plugin import InputError, NotAllowedError, Workspace

_PERMISSIONS = 0o777
_HELD = 1024 * 1024


class Output:
    """A folder of the workspace that a fetch writes to.

    The resolved parent of a path is remembered until a link is written: nothing else writes to a workspace while a
    step runs, and only a link can make a known path lead elsewhere.
    """

    def __init__(self, workspace: Workspace, target: str) -> None:
        self._workspace = workspace
        self.folder = workspace.path(target)
        self._parents: dict[str, str] = {}

    def make_folder(self, path: str, *, replace: bool) -> bool:
        """Make a folder; False when something is there already and is not to be replaced."""
        found = self._workspace.path(self.folder, path.rstrip("/"))
        if not replace and found.exists():
            return False
        found.mkdir(parents=True, exist_ok=True)
        self._parents[path.rstrip("/")] = str(found)
        return True

    def exists(self, path: str) -> bool:
        """Tell whether something is at a path; a link that leads nowhere counts as something."""
        return os.path.lexists(self._place(path))

    def write(self, path: str, content: bytes, *, mode: int, replace: bool) -> bool:
        """Write a file; False when something is there already and is not to be replaced.

        A new file gets the permissions of ``mode``, an existing one keeps its own.

        Raises:
            NotAllowedError: the path leaves the workspace, also by a link. InputError: a folder is in the way.
        """
        place = self._place(path)
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & _PERMISSIONS)
        except FileExistsError:
            if not replace:
                return False
            descriptor = self._reopen(path, place)
        except IsADirectoryError as error:
            raise _folder_in_the_way(path) from error
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        return True

    def copy(self, source: Path, path: str, *, mode: int, replace: bool) -> bool:
        """Copy a file, holding at most 1 MiB of it; otherwise as ``write``."""
        if source.stat().st_size <= _HELD:
            return self.write(path, source.read_bytes(), mode=mode, replace=replace)
        if not self.write(path, b"", mode=mode, replace=replace):
            return False
        shutil.copyfile(source, self._workspace.path(self.folder, path))
        return True

    def link(self, target: str, path: str, *, replace: bool) -> bool:
        """Make a link with this target; False when something is there, or the target lies out of the workspace."""
        place = Path(self._place(path))
        if os.path.lexists(place):
            if not replace or place.is_dir():
                return False
            place.unlink()
        self._parents.clear()
        try:
            self._workspace.path(place.parent, target)
        except NotAllowedError:
            return False
        place.symlink_to(target)
        return True

    def _place(self, path: str) -> str:
        """Return the path to write to, its folder made and free of links; the last name is taken as it is."""
        folder, _, name = path.rpartition("/")
        if name in {"", ".", ".."} or "\0" in name:
            self._workspace.path(self.folder, path)
            raise _folder_in_the_way(path)
        parent = self._parents.get(folder)
        if parent is None:
            parent = self._parents[folder] = str(self._made(folder))
        return f"{parent}{os.sep}{name}"

    def _made(self, folder: str) -> Path:
        found = self._workspace.path(self.folder, folder)
        try:
            found.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(f"'{folder}' is needed as a folder, but a file is there") from error
        return found

    def _reopen(self, path: str, place: str) -> int:
        try:
            return os.open(place, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        except IsADirectoryError as error:
            raise _folder_in_the_way(path) from error
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            inside = self._workspace.path(self.folder, path)
            return os.open(inside, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def _folder_in_the_way(path: str) -> InputError:
    return InputError(f"'{path}' cannot be written as a file: a folder is there")
