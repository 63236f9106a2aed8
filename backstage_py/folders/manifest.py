"""What a workspace held behind a step: its folders, links and files, and in which blobs their contents are.

As bytes a manifest is compressed JSON: ``{"version": 1, "blobs": [[name, stored, size]], "folders": [path],
"links": [[path, target]], "files": [[path, mode, modified, size, sha256, [[blob, offset, length]]]]}``; ``blob`` counts
the blobs from 0, ``modified`` is in nanoseconds. Names of files need not be UTF-8: what is not is a lone surrogate.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_VERSION = 1


@dataclass(slots=True, eq=False)
class Blob:
    """Contents of files, one behind the other, compressed and sealed.

    Attributes:
        name: SHA-256 of the stored bytes, in hexadecimal digits; empty while it is being filled.
        stored: bytes as they are kept.
        size: bytes of the contents.
    """

    name: str = ""
    stored: int = 0
    size: int = 0


class Part(NamedTuple):
    """A piece of a file's content: where it lies in a blob."""

    blob: Blob
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class File:
    """A file of a workspace.

    Attributes:
        modified: nanoseconds since 1970.
        digest: SHA-256 of its content, in hexadecimal digits.
        parts: of its content, in their order.
    """

    mode: int
    modified: int
    size: int
    digest: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A workspace; all paths are relative to it."""

    folders: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)

    def blobs(self) -> list[Blob]:
        """Return the blobs that its files lie in."""
        return list({id(part.blob): part.blob for file in self.files.values() for part in file.parts}.values())

    def as_bytes(self) -> bytes:
        """Return it as it is kept."""
        blobs = self.blobs()
        number = {id(blob): index for index, blob in enumerate(blobs)}
        content = {
            "version": _VERSION,
            "blobs": [[blob.name, blob.stored, blob.size] for blob in blobs],
            "folders": list(self.folders),
            "links": list(self.links.items()),
            "files": [
                [
                    path,
                    file.mode,
                    file.modified,
                    file.size,
                    file.digest,
                    [[number[id(blob)], offset, length] for blob, offset, length in file.parts],
                ]
                for path, file in self.files.items()
            ],
        }
        return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)


def parse(content: bytes) -> Manifest:
    """Return what ``as_bytes`` made bytes of."""
    return of_json(json.loads(zlib.decompress(content)))


def of_json(plain: Any) -> Manifest:
    """Return the manifest that unpacked JSON describes."""
    blobs = [Blob(*one) for one in plain["blobs"]]
    return Manifest(
        plain["folders"],
        dict(plain["links"]),
        {
            path: File(mode, modified, size, digest, [Part(blobs[one], *where) for one, *where in parts])
            for path, mode, modified, size, digest, parts in plain["files"]
        },
    )
