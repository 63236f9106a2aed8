"""Making a folder what a manifest says, when it holds much of that already. Blocks; nobody else writes meanwhile.

First what is not wanted goes, links before all, so that nothing is written through one; then folders, contents and
links are made. What is the same stays as it is.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from backstage_py.folders import restoring, tree
from backstage_py.folders.manifest import Blob, File, Manifest
from backstage_py.folders.tree import Tree

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def lacking(root: Path, wanted: Manifest) -> dict[str, File]:
    """Return the files of a manifest that a folder does not hold as they are there, by path."""
    held = tree.look(str(root))
    return {path: file for path, file in wanted.files.items() if not _holds(root, path, file, held)}


def change(root: Path, wanted: Manifest, missing: Mapping[str, File], content: Callable[[Blob], bytes]) -> None:
    """Make a folder what the manifest says.

    Args:
        root: the folder.
        wanted: what it shall hold, checked.
        missing: what ``lacking`` returned.
        content: returns the plain bytes of a blob; called once for each that is needed.

    Raises:
        OSError: the disk is full, or the like.
    """
    _clear(root, wanted, missing, tree.look(str(root)))
    _write(root, wanted, missing, content)


def add(root: Path, wanted: Manifest, content: Callable[[Blob], bytes]) -> None:
    """Write all that a manifest says into a folder that may hold more, which stays.

    Raises:
        SnapshotRefused: something would be written through a link that is there, or leave the folder.
    """
    restoring.check(wanted)
    held = tree.look(str(root))
    for path in (*wanted.folders, *wanted.files, *wanted.links):
        if path in held.links or any(os.fspath(above) in held.links for above in PurePosixPath(path).parents):
            raise restoring.SnapshotRefused(f"'{path}' would be written through a link that is there already")
    for path in (*wanted.files, *wanted.links):
        if path in held.files:
            Path(root, path).unlink()
    _write(root, wanted, wanted.files, content)


def _write(root: Path, wanted: Manifest, files: Mapping[str, File], content: Callable[[Blob], bytes]) -> None:
    for folder in sorted(wanted.folders):
        Path(root, folder).mkdir(exist_ok=True)
    for path, file in files.items():
        if not file.parts:
            restoring.write(root, path, file, [])
    blobs = {id(part.blob): part.blob for file in files.values() for part in file.parts}
    for blob in blobs.values():
        plain = content(blob)
        for path, file in files.items():
            if pieces := list(restoring.pieces(file, blob, plain)):
                restoring.write(root, path, file, pieces)
    for path, target in wanted.links.items():
        Path(root, path).symlink_to(target)


def _holds(root: Path, path: str, file: File, held: Tree) -> bool:
    found = held.files.get(path)
    if found is None or found.size != file.size or restoring.mode(found.mode) != restoring.mode(file.mode):
        return False
    descriptor = os.open(f"{root}/{path}", _READ)
    with os.fdopen(descriptor, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.digest


def _clear(root: Path, wanted: Manifest, missing: Mapping[str, File], held: Tree) -> None:
    for path in held.links:
        Path(root, path).unlink()
    for path in held.files:
        if path not in wanted.files or path in missing:
            Path(root, path).unlink()
    kept = set(wanted.folders)
    for folder in held.folders:  # sorted: one that is not wanted goes with all that is below
        if folder not in kept:
            shutil.rmtree(Path(root, folder), ignore_errors=True)
    _clear_others(root)


def _clear_others(root: Path) -> None:
    """Remove what no manifest names: pipes, sockets, devices."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_file():
                path.unlink()
