"""Archives of repositories, unpacked with every member contained, and with bounds on number and size.

Members are untrusted: absolute names, ``..``, links that lead out, devices, and contents that unpack to far more than
was downloaded (CVE-2021-43783 and its kin).
"""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from backstage_py.errors import ForeignError

_PERMISSIONS = 0o777
_UNIX_MODE_SHIFT = 16
_LINK_TYPE = 0o120000
_TYPE_MASK = 0o170000
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that an archive may unpack to; sizes in bytes."""

    members: int = 100_000
    size: int = 1024 * 1024 * 1024


@dataclass(slots=True)
class _Unpacked:
    """What was written so far, into ``target``, of the folder ``subpath`` of an archive."""

    target: Path
    subpath: str
    bounds: Bounds
    members: int = 0
    size: int = 0

    def place(self, name: str, *, strip: int) -> Path | None:
        """Return where a member goes; None for one that is not wanted.

        Raises:
            ForeignError: its name leads out of the archive, or there are too many.
        """
        self.members += 1
        if self.members > self.bounds.members:
            raise ForeignError(f"The archive holds more than {self.bounds.members} files")
        parts = [part for part in PurePosixPath(name).parts if part != "."]
        if name.startswith("/") or ".." in parts or "\x00" in name or "\\" in name:
            raise ForeignError(f"The archive has a member that leads out of it: {name!r}")
        wanted = [part for part in self.subpath.split("/") if part]
        parts = parts[strip:]
        if parts[: len(wanted)] != wanted or len(parts) == len(wanted):
            return None
        return self._contained(self.target.joinpath(*parts[len(wanted) :]), name)

    def file(self, place: Path, content: IO[bytes], mode: int) -> None:
        """Write a member, counting its bytes as they come: a size in an archive is only a claim."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place):
            place.unlink()
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & _PERMISSIONS)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := content.read(_CHUNK):
                self.size += len(chunk)
                if self.size > self.bounds.size:
                    raise ForeignError(f"The archive unpacks to more than {self.bounds.size // (1024 * 1024)} MiB")
                file.write(chunk)

    def link(self, place: Path, target: str) -> None:
        """Make a link if it stays inside; one that leads out is left out, as in Backstage."""
        if target.startswith("/") or "\x00" in target:
            return
        resolved = Path(os.path.normpath(place.parent.joinpath(target)))
        if self.target not in resolved.parents and resolved != self.target:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)

    def _contained(self, place: Path, name: str) -> Path:
        parent = place.parent.resolve()
        if parent != self.target and self.target not in parent.parents:
            raise ForeignError(f"The archive has a member that leads out of it: {name!r}")
        return place


def unpack_tar(archive: Path, target: Path, *, subpath: str = "", bounds: Bounds | None = None) -> None:
    """Unpack a (compressed) tar of a repository; its first folder, which hosts name after the commit, is dropped.

    Raises:
        ForeignError: it is no archive, leads out of ``target``, or is larger than allowed.
    """
    unpacked = _Unpacked(target.resolve(), subpath.strip("/"), bounds or Bounds())
    with _foreign_errors(), tarfile.open(archive, mode="r:*") as tar:
        for member in tar:
            place = unpacked.place(member.name, strip=1)
            if place is None:
                continue
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.issym():
                unpacked.link(place, member.linkname)
            elif member.isreg() and (content := tar.extractfile(member)):
                unpacked.file(place, content, member.mode)


def unpack_zip(archive: Path, target: Path, *, strip: int = 0) -> None:
    """Unpack a zip of a repository; ``strip`` folders at the start of each name are dropped. Errors as for tar."""
    unpacked = _Unpacked(target.resolve(), "", Bounds())
    with _foreign_errors(), zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            place = unpacked.place(member.filename, strip=strip)
            if place is None:
                continue
            mode = member.external_attr >> _UNIX_MODE_SHIFT
            if member.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            with zipped.open(member) as content:
                if mode & _TYPE_MASK == _LINK_TYPE:
                    unpacked.link(place, content.read(4096).decode("utf-8", "replace"))
                else:
                    unpacked.file(place, content, mode or 0o644)


@contextmanager
def _foreign_errors() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, shutil.Error, NotImplementedError) as error:
        raise ForeignError(f"The archive cannot be unpacked: {error}") from error
