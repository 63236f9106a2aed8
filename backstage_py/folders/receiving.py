"""A manifest and blobs of somebody who is not trusted: bounded before they are read, checked before they count."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from backstage_py.disk import MIB, QuotaError, amount
from backstage_py.errors import InputError
from backstage_py.folders import restoring
from backstage_py.folders.manifest import Blob, Manifest, of_json
from backstage_py.sealing import UnsealError

LARGEST_MANIFEST = 64 * MIB
LARGEST_BLOB = 9 * MIB  # packers fill them with up to 8 MiB, which compression may make a little larger
_DIGITS = frozenset("0123456789abcdef")
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a folder may hold.

    Attributes:
        size: bytes of all files.
        entries: files, folders and links.
    """

    size: int
    entries: int


def manifest(content: bytes, bounds: Bounds) -> Manifest:
    """Return what ``Manifest.as_bytes`` made bytes of, if it is one.

    Raises:
        InputError: it is not, or a path leaves the folder. QuotaError: the folder would hold too much.
    """
    plain = _unpacked(content, LARGEST_MANIFEST)
    try:
        found = of_json(json.loads(plain))
        _check_shape(found)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, AttributeError) as error:
        raise InputError("The manifest of the workspace is malformed") from error
    _check(found, bounds)
    return found


def blob(expected: Blob, content: bytes, unseal: Callable[[bytes], bytes] = bytes) -> bytes:
    """Return what a blob holds, if its bytes are the ones that a manifest names.

    Raises:
        InputError: they are not.
    """
    if hashlib.sha256(content).hexdigest() != expected.name:
        raise InputError("A part of the workspace is not what its manifest names; send it again")
    try:
        compressed = unseal(content)
    except UnsealError as error:
        raise InputError("A part of the workspace is not sealed with the key of its task") from error
    plain = _unpacked(compressed, min(expected.size, LARGEST_BLOB))
    if len(plain) != expected.size:
        raise InputError("A part of the workspace has not the size that its manifest names")
    return plain


def is_blob_name(name: str) -> bool:
    """Say whether a text can be the name of a blob: nothing else becomes the name of a file."""
    return len(name) == hashlib.sha256().digest_size * 2 and _DIGITS.issuperset(name)


def _unpacked(content: bytes, most: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(content, most + 1)
    except zlib.error as error:
        raise InputError("A part of the workspace is not compressed as it has to be") from error
    if len(plain) > most or unpacking.unconsumed_tail or not unpacking.eof:
        raise InputError(f"A part of the workspace is larger than {amount(most)}, or is cut off")
    return plain


def _check_shape(found: Manifest) -> None:
    """Check the types that JSON leaves open."""
    texts: list[Any] = [*found.folders, *found.links, *found.links.values(), *found.files]
    if not all(isinstance(one, str) and len(one) <= _LONGEST_PATH for one in texts):
        raise TypeError("a path is no text")
    for file in found.files.values():
        numbers = (file.mode, file.modified, file.size, *(n for part in file.parts for n in part[1:]))
        if not all(type(one) is int and one >= 0 for one in numbers) or not is_blob_name(file.digest):
            raise TypeError("a number is none")
    for one in found.blobs():
        if not (is_blob_name(one.name) and type(one.size) is int and 0 < one.size <= LARGEST_BLOB):
            raise TypeError("a blob is none")


def _check(found: Manifest, bounds: Bounds) -> None:
    if len(found.folders) + len(found.links) + len(found.files) > bounds.entries:
        raise QuotaError(f"The workspace has more than {bounds.entries:,} files (scaffolder.workspaceLimitFiles)")
    if sum(file.size for file in found.files.values()) > bounds.size:
        raise QuotaError(f"The workspace is larger than {amount(bounds.size)} (scaffolder.workspaceLimitBytes)")
    for file in found.files.values():
        if sum(part.length for part in file.parts) != file.size or any(_is_outside(part) for part in file.parts):
            raise InputError("The manifest of the workspace is malformed: the parts of a file are not its size")
    try:
        restoring.check(found)
    except restoring.SnapshotRefused as error:
        raise InputError(f"The workspace is not taken: {error.message}") from error
    _check_places(found.folders, [*found.files, *found.links])


def _is_outside(part: Sequence[Any]) -> bool:
    held, offset, length = part
    return bool(offset + length > held.size)


def _check_places(folders: Sequence[str], others: Sequence[str]) -> None:
    """Check that everything lies in a folder that is named, and that no name is given twice."""
    known = set(folders)
    if len(known) + len(set(others)) != len(folders) + len(others) or not known.isdisjoint(others):
        raise InputError("The manifest of the workspace names something twice")
    for path in (*folders, *others):
        above = os.fspath(PurePosixPath(path).parent)
        if above != "." and above not in known:
            raise InputError("The manifest of the workspace has something in a folder that it does not name")
