"""The files of a dry run, in and out."""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.model.json import Json
from backstage_py.plugin import Workspace

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_EXECUTABLE = 0o111
_MOST_PARTS = 200_000  # of paths of folders; making each takes a while, and a short path may name many
_PLAIN = re.compile(r"(?:(?!\.{1,2}/)[^/\0\ud800-\udfff]+/)*(?!\.{1,2}\Z)[^/\0\ud800-\udfff]+")
"""A relative path without dots as parts, without empty parts, and of text that can be encoded."""


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
        InputError: a path is no name for a file, or stands for a file and a folder; or there are too many folders.
    """
    folder.mkdir(parents=True)
    inside = Workspace(folder)
    made = {str(inside.root)}
    parts = 0
    for file in files:
        target = _target(inside, file.path)
        parent = os.path.dirname(target)  # noqa: PTH120  # text is enough, and much faster than a Path
        try:
            if parent not in made:
                parts += parent.count(os.sep) - str(inside.root).count(os.sep)
                if parts > _MOST_PARTS:
                    raise InputError(f"The folders of directoryContents have more than {_MOST_PARTS:,} parts")
                os.makedirs(parent, exist_ok=True)  # noqa: PTH103  # as above
                made.add(parent)
            with open(target, "wb", buffering=0) as opened:  # noqa: PTH123  # as above
                opened.write(file.content)
            if file.executable:
                os.chmod(target, 0o755)  # noqa: PTH101, S103  # as above; a program is for everyone
        except OSError as error:
            raise InputError(f"'{file.path}' in directoryContents cannot be written: {error.strerror}") from error


def _target(folder: Workspace, path: str) -> str:
    """Return where a file goes. There are no links in the folder, so a plain path needs no look at the disk."""
    if _PLAIN.fullmatch(path):
        return f"{folder.root}{os.sep}{path}"
    return str(folder.path(path))


def read(folder: Path) -> Sequence[DirectoryFile]:
    """Return the files of a folder, without ``.git``. A link counts if it leads nowhere; its target is the content."""
    return list(files(folder))


def files(folder: Path) -> Iterator[DirectoryFile]:
    """Yield the same."""
    return _walk(folder, "")


def _walk(folder: Path, prefix: str) -> Iterator[DirectoryFile]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        path = f"{prefix}{entry.name}"
        if entry.is_symlink():
            if not os.path.exists(entry.path):  # noqa: PTH110  # follows the link, as is meant
                yield DirectoryFile(path, os.readlink(os.fsencode(entry.path)))  # noqa: PTH115  # bytes
        elif entry.is_dir():
            if path != ".git":
                yield from _walk(Path(entry.path), f"{path}/")
        elif entry.is_file():
            with open(entry.path, "rb") as file:  # noqa: PTH123  # faster than a Path for each of many files
                yield DirectoryFile(path, file.read(), bool(entry.stat().st_mode & _EXECUTABLE))


def _decoded(text: str) -> bytes:
    """Decode base64 as Node does: URL-safe letters count, anything else is skipped, padding may be missing."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        letters = text.replace("-", "+").replace("_", "/").partition("=")[0]
        clean = _NOT_BASE64.sub(b"", letters.encode("ascii", errors="ignore"))
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
