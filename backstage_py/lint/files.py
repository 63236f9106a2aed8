"""Reading of files with bounds: a text, or a reason why there is none. Nothing here raises."""

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backstage_py.model import binary, yaml
from backstage_py.model.yaml import Document

ENTITY_NAMES = ("template.yaml", "template.yml", "catalog-info.yaml", "catalog-info.yml")
LARGEST_DOCUMENT = 5 * 1024 * 1024
LARGEST_RENDERED = 4 * 1024 * 1024


@dataclass(frozen=True)
class Text:
    """A file's text, or why it cannot be read. ``is_named``: the author named it; it was not found in a folder."""

    file: str
    text: str = ""
    unreadable: str | None = None
    is_named: bool = False

    @cached_property
    def documents(self) -> list[Document]:
        """The documents that the text holds, read once for all rules."""
        return yaml.load_all(self.text)


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, or why they cannot be had."""

    data: bytes = b""
    unreadable: str | None = None


def read_bytes(path: Path, limit: int) -> Content:
    """Read a regular file of at most ``limit`` bytes."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return Content(unreadable="it is a directory")
        if not stat.S_ISREG(found.st_mode):
            return Content(unreadable="it is no regular file")
        if found.st_size > limit:
            return Content(unreadable=f"it has {_size(found.st_size)}; the limit is {_size(limit)}")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        return Content(unreadable=reason(error))
    if len(data) > limit:
        return Content(unreadable=f"it grows beyond the limit of {_size(limit)}")
    return Content(data)


def begins_binary(path: Path) -> bool:
    """Say whether a file, of whatever size, is binary."""
    try:
        with path.open("rb") as file:
            return binary.is_binary(file.read(binary.DECISIVE))
    except OSError:
        return False


def read_text(path: Path, file: str, limit: int = LARGEST_DOCUMENT) -> Text:
    """Read a file as UTF-8, with U+FFFD for what is none, as Backstage does."""
    content = read_bytes(path, limit)
    if content.unreadable:
        return Text(file, unreadable=content.unreadable)
    if binary.is_binary(content.data):
        return Text(file, unreadable="it is binary, not text")
    return Text(file, content.data.decode("utf-8", "replace"))


def reason(error: OSError | ValueError) -> str:
    """Return why the system refused, in words."""
    if isinstance(error, OSError) and error.strerror:
        return os.strerror(error.errno).lower() if error.errno else error.strerror.lower()
    return str(error)


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MB" if count >= 1024 * 1024 else f"{count} bytes"
