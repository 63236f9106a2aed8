"""Finding what changed in a workspace since the step before, and packing it into blobs.

A file whose mark is the same is not opened; one with another mark is read and compared by its digest. A content that
the task has stored already, under whatever name, is not stored again. All of this blocks: it runs in a thread.
"""

import hashlib
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from backstage_py.disk import MIB, QuotaError, amount
from backstage_py.folders import tree
from backstage_py.folders.manifest import Blob, File, Manifest, Part
from backstage_py.folders.tree import Mark

_BLOB = 8 * MIB
_AT_ONCE = MIB
_TICK = 100_000_000
"""Nanoseconds within which two changes of a file may have the same mark: file systems' clocks are coarse."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Stored(NamedTuple):
    """A blob that is to be stored."""

    name: str
    content: bytes


@dataclass(slots=True)
class _Known:
    """A file as it was when it was read; without a mark it is read again."""

    mark: Mark | None
    file: File


class Packer:
    """Packs one workspace, again and again.

    Args:
        root: the workspace.
        seal: makes the bytes that are stored of a blob's compressed content.
        largest: bytes that all blobs of a snapshot may take as they are stored.
        base: what the workspace was restored from.
    """

    def __init__(self, root: Path, seal: Callable[[bytes], bytes], largest: int, base: Manifest | None = None) -> None:
        self._root = str(root)
        self._seal = seal
        self._largest = largest
        self._known: dict[str, _Known] = {}
        self._contents: dict[str, File] = {}
        self._outline: tuple[list[str], dict[str, str]] | None = None
        self._blob, self._buffer = Blob(), bytearray()
        self._new = 0
        self.has_changed = False
        if base is not None:
            self._start_from(base)

    def pack(self) -> Iterator[Stored]:
        """Look at the workspace and yield the blobs that are missing; ``has_changed`` says whether anything is new.

        Raises:
            QuotaError: they take more than allowed. OSError: a file cannot be read.
        """
        self._new = 0
        yield from self._pack_changes()
        if self.has_changed and self._is_wasteful():
            self._known.clear()
            self._contents.clear()
            yield from self._pack_changes()
        if self.has_changed:
            self._check(sum(blob.stored for blob in self.manifest().blobs()))
            # what no file has any more may be dropped from the store
            self._contents = {one.file.digest: one.file for one in self._known.values()}

    def manifest(self) -> Manifest:
        """Return what the workspace held when it was packed."""
        folders, links = self._outline or ([], {})
        return Manifest(folders, links, {path: one.file for path, one in self._known.items()})

    def _start_from(self, base: Manifest) -> None:
        found = tree.look(self._root)
        self._outline = (found.folders, found.links)
        self._contents = {file.digest: file for file in base.files.values()}
        self._known = {
            path: _Known(found.files[path], file) for path, file in base.files.items() if path in found.files
        }

    def _pack_changes(self) -> Iterator[Stored]:
        now = time.time_ns()
        found = tree.look(self._root)
        outline = (found.folders, found.links)
        gone = self._known.keys() - found.files.keys()
        self.has_changed = bool(gone) or outline != self._outline
        self._outline = outline
        for path in gone:
            del self._known[path]
        for path, mark in found.files.items():
            known = self._known.get(path)
            if known is None or known.mark != mark:
                yield from self._read(path, mark, known, is_settled=mark.changed < now - _TICK)
        yield from self._flush()

    def _read(self, path: str, mark: Mark, known: _Known | None, *, is_settled: bool) -> Iterator[Stored]:
        """Read a file, and pack it when its content is new."""
        with open(os.open(f"{self._root}/{path}", _FILE), "rb", buffering=0) as opened:  # noqa: PTH123  # with flags
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return  # it took the place of the file just now
            small = opened.read(_AT_ONCE) if mark.size < _AT_ONCE else None
            digest = _digest(small, opened)
            same = known.file if known and known.file.digest == digest else self._contents.get(digest)
            if same is None:
                parts: list[Part] = []
                for piece in _pieces(small, opened):
                    yield from self._add(piece, parts)
            else:
                parts = list(same.parts)
        file = File(mark.mode, mark.modified, sum(part.length for part in parts), digest, parts)
        if known is None or (known.file.mode, known.file.digest) != (file.mode, digest):
            self.has_changed = True
        self._contents[digest] = file
        self._known[path] = _Known(mark if is_settled else None, file)

    def _add(self, piece: bytes, parts: list[Part]) -> Iterator[Stored]:
        if len(self._buffer) + len(piece) > _BLOB:
            yield from self._flush()
        if piece:
            parts.append(Part(self._blob, len(self._buffer), len(piece)))
            self._buffer += piece

    def _flush(self) -> Iterator[Stored]:
        """Yield the blob that is being filled, and begin the next."""
        if not self._buffer:
            return
        content = self._seal(zlib.compress(self._buffer, 1))
        blob, size = self._blob, len(self._buffer)
        blob.name, blob.stored, blob.size = hashlib.sha256(content).hexdigest(), len(content), size
        self._blob, self._buffer = Blob(), bytearray()
        self._new += blob.stored
        self._check(self._new)
        yield Stored(blob.name, content)

    def _is_wasteful(self) -> bool:
        """Whether most of what the blobs hold is of files that are no more."""
        found = self.manifest()
        wanted = sum(file.size for file in {file.digest: file for file in found.files.values()}.values())
        return sum(blob.size for blob in found.blobs()) > 2 * wanted + _BLOB

    def _check(self, size: int) -> None:
        if size > self._largest:
            raise QuotaError(
                f"The snapshot of the workspace is larger than {amount(self._largest)} (scaffolder.snapshotLimitBytes)"
            )


def _digest(small: bytes | None, opened: FileIO) -> str:
    return (hashlib.file_digest(opened, "sha256") if small is None else hashlib.sha256(small)).hexdigest()


def _pieces(small: bytes | None, opened: FileIO) -> Iterator[bytes]:
    if small is not None:
        yield small
        return
    opened.seek(0)
    while piece := opened.read(_AT_ONCE):
        yield piece
