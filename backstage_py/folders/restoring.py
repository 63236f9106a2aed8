"""Making a workspace of a manifest and its blobs.

What a snapshot holds was made by actions, and its blobs may lie where others can write. So each blob must be the one
that the manifest names, each path stays below the folder, links that lead out of it are refused, and of a file's mode
only the owner's rights and what others may read or execute come back. Links are made last: nothing is written through
them.
"""

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backstage_py.errors import BackstageError
from backstage_py.folders.manifest import Blob, File, Manifest

_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT_OF_MODE = 0o755
_OWNER = 0o600


class SnapshotRefused(BackstageError):  # noqa: N818  # what happened to it
    """A snapshot is not restored: it is not what was kept, or leaves its folder."""


def begin(root: Path, manifest: Manifest) -> None:
    """Make the folders of a workspace, and its empty files.

    Raises:
        SnapshotRefused: a path or a link leaves the folder.
    """
    check(manifest)
    for folder in manifest.folders:
        Path(root, folder).mkdir(parents=True, exist_ok=True)
    for path, file in manifest.files.items():
        if not file.parts:
            write(root, path, file, [])


def check(manifest: Manifest) -> None:
    """Make sure that nothing leaves the folder.

    Raises:
        SnapshotRefused: a path or a link does.
    """
    for path in (*manifest.folders, *manifest.files, *manifest.links):
        _check_path(path)
    for path, target in manifest.links.items():
        _check_link(path, target)


def fill(root: Path, manifest: Manifest, blob: Blob, content: bytes) -> None:
    """Write what a blob holds into the files.

    Args:
        root: the workspace, begun.
        manifest: what it holds.
        blob: which one.
        content: of the blob, unsealed.
    """
    plain = zlib.decompress(content)
    for path, file in manifest.files.items():
        if found := list(pieces(file, blob, plain)):
            write(root, path, file, found)


def finish(root: Path, manifest: Manifest) -> None:
    """Make the links."""
    for path, target in manifest.links.items():
        Path(root, path).symlink_to(target)


def check_blob(blob: Blob, stored: bytes) -> None:
    """Make sure that stored bytes are the blob.

    Raises:
        SnapshotRefused: they are not.
    """
    if hashlib.sha256(stored).hexdigest() != blob.name:
        raise SnapshotRefused("A part of the snapshot of this task's workspace was changed; start the task again")


def pieces(file: File, blob: Blob, plain: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield what a blob holds of a file, with where in the file it belongs."""
    at = 0
    for part in file.parts:
        if part.blob is blob:
            yield at, memoryview(plain)[part.offset : part.offset + part.length]
        at += part.length


def write(root: Path, path: str, file: File, content: list[tuple[int, memoryview]]) -> None:
    """Write pieces of a file's content, each with where in the file it belongs; give it its mode and time."""
    descriptor = os.open(f"{root}/{path}", _NEW, _OWNER)
    try:
        for at, piece in content:
            _write_all(descriptor, piece, at)
        os.fchmod(descriptor, mode(file.mode))
        os.utime(descriptor, ns=(file.modified, file.modified))
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, piece: memoryview, at: int) -> None:
    while piece:
        written = os.pwrite(descriptor, piece, at)
        piece, at = piece[written:], at + written


def mode(kept: int) -> int:
    """Return a safe mode: nobody else may write, nothing runs as another, what its owner cannot run nobody can."""
    safe = kept & _KEPT_OF_MODE | _OWNER
    return safe if safe & stat.S_IXUSR else safe & ~0o111


def _check_path(path: str) -> None:
    if not path or path.startswith("/") or "\0" in path or {"", ".", ".."} & set(path.split("/")):
        raise SnapshotRefused("The snapshot of this task's workspace has a path that leaves it; start the task again")


def _check_link(path: str, target: str) -> None:
    reached = os.path.normpath(PurePosixPath(path).parent / target)
    if target.startswith("/") or reached == ".." or reached.startswith("../"):
        raise SnapshotRefused(
            f"The workspace of this task had a link that leads out of it ({path}), so its snapshot is not restored; "
            "start the task again"
        )
