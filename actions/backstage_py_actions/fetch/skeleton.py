"""What a skeleton holds, level by level in the order of names, with contents kept while files do not change."""

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from backstage_py.plugin import InputError
from backstage_py.plugin.formats import is_binary

_MOST_ENTRIES = 100_000
_LARGEST_KEPT = 256 * 1024
_MOST_KEPT = 16 * 1024 * 1024
_HEAD = 1024


class Kind(Enum):
    """What an entry is; a link counts as a link wherever it leads."""

    FOLDER = "folder"
    TEXT = "text"
    BINARY = "binary"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a skeleton.

    Attributes:
        path: below the skeleton, with ``/``, without one at its end.
        source: where it lies.
        status: as it was found.
    """

    path: str
    source: Path
    kind: Kind
    status: os.stat_result

    @property
    def mode(self) -> int:
        """The whole ``st_mode``, as Backstage shows it in the log."""
        return self.status.st_mode

    @property
    def name(self) -> str:
        """The path as logs and patterns show it: folders end in a slash."""
        return f"{self.path}/" if self.kind is Kind.FOLDER else self.path


@dataclass(frozen=True, slots=True)
class _CachedFile:
    stamp: tuple[int, int, int]
    is_binary: bool
    content: bytes
    text: str | None


class Contents:
    """Contents of small files by path, as long as time, size and inode of a file stay the same."""

    def __init__(self) -> None:
        self._size = 0
        self._kept: OrderedDict[str, _CachedFile] = OrderedDict()
        self._lock = threading.Lock()

    def is_binary(self, path: Path, found: os.stat_result) -> bool:
        """Tell whether a file is binary; a small one is read whole, since it is wanted next."""
        if found.st_size > _LARGEST_KEPT:
            with path.open("rb") as file:
                return is_binary(file.read(_HEAD))
        return self._read(path, found).is_binary

    def text(self, path: Path, found: os.stat_result) -> str:
        """Return a file as Node reads text: UTF-8, a byte order mark kept, broken bytes as U+FFFD."""
        if found.st_size > _LARGEST_KEPT:
            return path.read_bytes().decode("utf-8", "replace")
        kept = self._read(path, found)
        return kept.text if kept.text is not None else kept.content.decode("utf-8", "replace")

    def _read(self, path: Path, found: os.stat_result) -> _CachedFile:
        key, stamp = str(path), (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept.stamp == stamp:
                self._kept.move_to_end(key)
                return kept
        content = path.read_bytes()
        binary = is_binary(content)
        kept = _CachedFile(stamp, binary, content, None if binary else content.decode("utf-8", "replace"))
        with self._lock:
            self._forget(key)
            self._kept[key] = kept
            self._size += len(content)
            while self._size > _MOST_KEPT:
                self._forget(next(iter(self._kept)))
        return kept

    def _forget(self, key: str) -> None:
        if old := self._kept.pop(key, None):
            self._size -= len(old.content)


contents = Contents()


def entries(root: Path) -> Iterator[Entry]:
    """Yield all entries of a folder that no link leads to: a level before those below, in the order of their names.

    Links that lead out of the folder are left out, as Backstage leaves them out when it copies.

    Raises:
        InputError: it is no folder, or holds more than 100,000 entries.
    """
    if not root.is_dir():
        raise InputError(f"The skeleton '{root.name}' is not a folder")
    count = 0
    level = [("", root)]
    while level:
        below: list[tuple[str, Path]] = []
        for prefix, folder in level:
            for entry in _level(root, prefix, folder):
                count += 1
                yield entry
                if entry.kind is Kind.FOLDER:
                    below.append((f"{entry.path}/", entry.source))
        if count > _MOST_ENTRIES:
            raise InputError(f"The skeleton '{root.name}' holds more than {_MOST_ENTRIES} files and folders")
        level = below


def _level(root: Path, prefix: str, folder: Path) -> Iterator[Entry]:
    with os.scandir(folder) as scanned:
        items = sorted(scanned, key=lambda item: os.fsencode(item.name))
    for item in items:
        path, status = Path(item.path), item.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISLNK(mode):
            if _is_inside(root, path):
                yield Entry(prefix + item.name, path, Kind.LINK, status)
        elif stat.S_ISDIR(mode):
            yield Entry(prefix + item.name, path, Kind.FOLDER, status)
        elif stat.S_ISREG(mode):
            binary = contents.is_binary(path, status)
            yield Entry(prefix + item.name, path, Kind.BINARY if binary else Kind.TEXT, status)


def _is_inside(root: Path, link: Path) -> bool:
    try:
        target = link.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return False
    return target == root or root in target.parents
