"""The folder of a task, with every path contained in it at the moment it is used."""

import os
from collections.abc import Iterator
from pathlib import Path

from backstage_py.errors import NotAllowedError


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
        except (
            OSError,
            RuntimeError,
            ValueError,
        ) as error:  # a loop of links, a NUL byte, a name that is too long
            raise NotAllowedError("Relative path is not allowed to refer to a directory outside its parent") from error
        if resolved != self.root and self.root not in resolved.parents:
            raise NotAllowedError("Relative path is not allowed to refer to a directory outside its parent")
        return resolved

    def relative(self, path: Path) -> str:
        """Return a path below the workspace as text with ``/``."""
        return path.relative_to(self.root).as_posix()

    def files(self, *parts: str) -> Iterator[Path]:
        """Yield all files below ``parts`` in order of their names; links are yielded, not followed."""
        for folder, folders, names in os.walk(self.path(*parts), followlinks=False):
            folders.sort()
            for name in sorted(names):
                yield Path(folder, name)
