"""The folder of a task, with every path contained in it at the moment it is used."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from backstage_py.errors import NotAllowedError

_OUTSIDE = "Relative path is not allowed to refer to a directory outside its parent"


class Workspace:
    """A folder that paths of templates and parameters may not leave.

    ``path`` resolves symbolic links of everything that exists on the way, each time anew, since a step before may
    have put a link there (CVE-2021-43783, CVE-2026-24046).
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._text = str(self.root)
        self._below = self._text.rstrip(os.sep) + os.sep

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        """Return the absolute, link-free path of ``parts`` below the workspace; it need not exist.

        Raises:
            NotAllowedError: the path leaves the workspace. The wording is Backstage's.
        """
        return Path(self._resolved(os.path.join(self._text, *(os.fspath(part) for part in parts))))  # noqa: PTH118  # see _resolved

    def entry(self, *parts: str | os.PathLike[str]) -> Path:
        """Return the path of a name itself, for removing or renaming it: a link at the end is not followed.

        Raises:
            NotAllowedError: the name is not below the workspace, or it is a link that leads out of it.
        """
        joined = os.path.join(self._text, *(os.fspath(part) for part in parts))  # noqa: PTH118  # see _resolved
        self._resolved(joined)
        folder, name = os.path.split(os.path.normpath(joined))
        if os.path.join(folder, name) == self._text:  # noqa: PTH118  # see _resolved
            return self.root
        return Path(self._resolved(folder), name)

    def relative(self, path: Path) -> str:
        """Return a path below the workspace as text with ``/``, relative to it.

        Raises:
            ValueError: the path is not below the workspace.
        """
        return path.relative_to(self.root).as_posix()

    def files(self, *parts: str) -> Iterator[Path]:
        """Yield all files below ``parts`` in the order of their names, depth first; links are yielded, not followed.

        Raises:
            NotAllowedError: ``parts`` leave the workspace. FileNotFoundError: there is no such folder.
        """
        yield from _files(self.path(*parts))

    def _resolved(self, joined: str) -> str:
        """Return a path without links, contained. As text: a template writes many files, and a Path costs more."""
        try:
            found = os.path.realpath(joined)
        except ValueError as error:  # a NUL byte
            raise NotAllowedError(_OUTSIDE) from error
        try:
            os.stat(found)  # noqa: PTH116  # as above
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise NotAllowedError(_OUTSIDE) from error
        if found != self._text and not found.startswith(self._below):
            raise NotAllowedError(_OUTSIDE)
        return found


def _files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)
