"""The folder of a task, with every path contained in it at the moment it is used."""

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

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        """Return the absolute, link-free path of ``parts`` below the workspace; it need not exist.

        Raises:
            NotAllowedError: the path leaves the workspace. The wording is Backstage's.
        """
        try:
            resolved = self.root.joinpath(*(os.fspath(part) for part in parts)).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL byte, a name that is too long
            raise NotAllowedError(_OUTSIDE) from error
        return self._contained(resolved)

    def entry(self, *parts: str | os.PathLike[str]) -> Path:
        """Return the path of a name itself, for removing or renaming it: a link at the end is not followed.

        Raises:
            NotAllowedError: the name is not below the workspace, or it is a link that leads out of it.
        """
        self.path(*parts)
        lexical = Path(os.path.normpath(self.root.joinpath(*(os.fspath(part) for part in parts))))
        if lexical == self.root:
            return lexical
        return self._contained(lexical.parent.resolve() / lexical.name)

    def relative(self, path: Path) -> str:
        """Return a path below the workspace as text with ``/``."""
        return path.relative_to(self.root).as_posix()

    def files(self, *parts: str) -> Iterator[Path]:
        """Yield all files below ``parts`` in the order of their names, depth first; links are yielded, not followed."""
        yield from _files(self.path(*parts))

    def _contained(self, path: Path) -> Path:
        if path != self.root and self.root not in path.parents:
            raise NotAllowedError(_OUTSIDE)
        return path


def _files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)
