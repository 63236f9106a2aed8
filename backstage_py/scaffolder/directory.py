"""The files of a dry run, in and out."""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.model.json import Json
from backstage_py.plugin import Workspace

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_EXECUTABLE = 0o111


@dataclass(frozen=True, slots=True)
class DirectoryFile:
    """A file with its path relative to the folder, with ``/``."""

    path: str
    content: bytes
    executable: bool = False

    def as_json(self) -> dict[str, Json]:
        """Return the file as a dry run's answer shows it."""
        return {
            "path": self.path,
            "executable": self.executable,
            "base64Content": base64.b64encode(self.content).decode(),
        }


def parse(contents: Json) -> Sequence[DirectoryFile]:
    """Read ``directoryContents`` of a request.

    Raises:
        InputError: an entry lacks its path or content, or they are no strings.
    """
    files = []
    for index, entry in enumerate(contents):
        path, content = (entry.get("path"), entry.get("base64Content")) if isinstance(entry, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(content, str):
            raise InputError(
                f"Malformed request: directoryContents[{index}] must have the strings 'path' and 'base64Content'"
            )
        files.append(DirectoryFile(path, _decoded(content)))
    return files


def write(folder: Path, files: Iterable[DirectoryFile]) -> None:
    """Write files into a folder that is ours alone.

    Raises:
        NotAllowedError: a path leads out of it.
        InputError: a path is no name for a file, or stands for a file and a folder.
    """
    folder.mkdir(parents=True)
    inside = Workspace(folder)
    made = {inside.root}
    for file in files:
        target = inside.path(file.path)
        try:
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            target.write_bytes(file.content)
            if file.executable:
                target.chmod(0o755)
        except OSError as error:
            raise InputError(f"'{file.path}' in directoryContents cannot be written: {error.strerror}") from error


def read(folder: Path) -> Sequence[DirectoryFile]:
    """Return the files of a folder, without ``.git``. A link counts if it leads nowhere; its target is the content."""
    files: list[DirectoryFile] = []
    _walk(folder, "", files)
    return files


def _walk(folder: Path, prefix: str, files: list[DirectoryFile]) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{prefix}{entry.name}"
            if entry.is_symlink():
                if not os.path.exists(entry.path):  # noqa: PTH110  # follows the link, as is meant
                    files.append(DirectoryFile(path, os.readlink(os.fsencode(entry.path))))  # noqa: PTH115  # bytes
            elif entry.is_dir():
                if path != ".git":
                    _walk(Path(entry.path), f"{path}/", files)
            elif entry.is_file():
                with open(entry.path, "rb") as file:  # noqa: PTH123  # faster than a Path for each of many files
                    files.append(DirectoryFile(path, file.read(), bool(entry.stat().st_mode & _EXECUTABLE)))


def _decoded(text: str) -> bytes:
    """Decode base64 as Node does: URL-safe letters count, anything else is skipped, padding may be missing."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        letters = text.replace("-", "+").replace("_", "/").partition("=")[0]
        clean = _NOT_BASE64.sub(b"", letters.encode("ascii", errors="ignore"))
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
