"""Reading of files with bounds: a text, or a reason why there is none. Nothing here raises."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

ENTITY_NAMES = ("template.yaml", "template.yml", "catalog-info.yaml", "catalog-info.yml")
LARGEST_DOCUMENT = 5 * 1024 * 1024
LARGEST_RENDERED = 4 * 1024 * 1024
_SNIFFED = 512
_SPACE = 0x20
_LAST_ASCII = 0x7F
_SUSPICIOUS_SHARE = 0.1
_MAGIC = (b"%PDF-", b"\x89PNG", b"PK\x03\x04", b"\x7fELF", b"\x1f\x8b")
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\b\x1b")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text, or why it cannot be read. ``is_named``: the author named it; it was not found in a folder."""

    file: str
    text: str = ""
    unreadable: str | None = None
    is_named: bool = False


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
    """Say whether a file, of whatever size, looks like something other than text."""
    try:
        with path.open("rb") as file:
            return is_binary(file.read(_SNIFFED))
    except OSError:
        return False


def read_text(path: Path, file: str, limit: int = LARGEST_DOCUMENT) -> Text:
    """Read a file as UTF-8, with U+FFFD for what is none, as Backstage does."""
    content = read_bytes(path, limit)
    if content.unreadable:
        return Text(file, unreadable=content.unreadable)
    if is_binary(content.data):
        return Text(file, unreadable="it is binary, not text")
    return Text(file, content.data.decode("utf-8", "replace"))


def is_binary(data: bytes) -> bool:
    """Say whether the beginning of a file looks like something other than text."""
    head = data[:_SNIFFED]
    if head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return False
    if head.startswith(_MAGIC) or b"\0" in head:
        return True
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            odd = sum((byte < _SPACE and byte not in _TEXT_CONTROLS) or byte > _LAST_ASCII for byte in head)
            return odd > len(head) * _SUSPICIOUS_SHARE
    return False


def reason(error: OSError | ValueError) -> str:
    """Return why the system refused, in words."""
    if isinstance(error, OSError) and error.strerror:
        return os.strerror(error.errno).lower() if error.errno else error.strerror.lower()
    return str(error)


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MB" if count >= 1024 * 1024 else f"{count} bytes"
