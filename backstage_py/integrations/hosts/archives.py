"""Archives of repositories, unpacked with every member contained, and with bounds on number and size.

Members are untrusted: absolute names, ``..``, links that lead out, devices, and contents that unpack to far more than
was downloaded (CVE-2021-43783 and its kin). What they would make is decided first (``archive_plan``); an archive that
is refused has written nothing. Hard links, devices and pipes are left out.
"""

import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from backstage_py import disk
from backstage_py.errors import ForeignError
from backstage_py.integrations.hosts.archive_plan import Bounds, Kind, Plan

__all__ = ["Bounds", "unpack_tar", "unpack_zip"]

_PERMISSIONS = 0o777
_UNIX_MODE_SHIFT = 16
_LINK_TYPE = 0o120000
_TYPE_MASK = 0o170000
_CHUNK = 256 * 1024
_LONGEST_EXTENSION = 1024 * 1024
_EXTENSIONS = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.GNUTYPE_SPARSE,
    }
)
_UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    RecursionError,  # headers that only extend each other
    RuntimeError,  # an encrypted member, a compression that is not known
)
"""What the readers of archives raise for contents that are wrong."""
_LONGEST_TARGET = 4096
_END_OF_ZIP = b"PK\x05\x06"
_END_OF_ZIP64 = b"PK\x06\x07"
_END_SIZE = 22
_LARGEST_DIRECTORY = 64 * 1024 * 1024


class _Header(tarfile.TarInfo):
    """A header whose extensions, which ``tarfile`` reads whole into memory, are small."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises:
            ForeignError: it announces an extension that is too large.
        """
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _EXTENSIONS and header.size > _LONGEST_EXTENSION):
            raise ForeignError("The archive has a member whose header is wrong or too large")
        return header


@dataclass(slots=True)
class _Unpacked:
    """What was written so far into ``target``."""

    target: Path
    plan: Plan
    size: int = 0

    def place(self, name: str) -> Path | None:
        """Return where a member goes; None for one that is not wanted."""
        parts = self.plan.parts(name)
        if parts is None:
            return None
        place = self.target.joinpath(*parts)
        parent = place.parent.resolve()
        if parent != self.target and self.target not in parent.parents:
            raise ForeignError(f"The archive has a member that leads out of it: {name!r}")
        return place

    def file(self, place: Path, content: IO[bytes], mode: int) -> None:
        """Write a member, counting its bytes as they come: a size in an archive is only a claim."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place):
            place.unlink()
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & _PERMISSIONS)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := content.read(_CHUNK):
                self.size += len(chunk)
                if self.size > self.plan.bounds.size:
                    most = self.plan.bounds.size // (1024 * 1024)
                    raise ForeignError(f"The archive unpacks to more than {most} MiB")
                file.write(chunk)

    def link(self, place: Path, target: str) -> None:
        """Make a link if it stays inside."""
        if self.plan.leads_out(place.relative_to(self.target).parts, target):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)


def unpack_tar(archive: Path, target: Path, *, subpath: str = "", bounds: Bounds | None = None, strip: int = 1) -> None:
    """Unpack a (compressed) tar of a repository without its first folders, ``strip`` of them.

    Most hosts put all into one, named after the commit.

    Raises:
        ForeignError: it is no archive, leads out of ``target``, contradicts itself, or is larger than allowed.
        DiskFullError: too little space is free.
    """
    plan = Plan(bounds or Bounds(), archive.stat().st_size, subpath.strip("/"), strip=strip)
    with _foreign_errors(), tarfile.open(archive, mode="r:*", tarinfo=_Header) as tar:
        for member in tar:
            plan.add(member.name, _tar_kind(member), size=member.size, target=member.linkname)
    _accept(plan, target)
    unpacked = _Unpacked(target.resolve(), plan)
    with _foreign_errors(), tarfile.open(archive, mode="r:*", tarinfo=_Header) as tar:
        for member in tar:
            _unpack_member(unpacked, tar, member)


def _tar_kind(member: tarfile.TarInfo) -> Kind | None:
    if member.isdir():
        return Kind.FOLDER
    if member.issym():
        return Kind.LINK
    return Kind.FILE if member.isreg() and not member.issparse() else None


def _unpack_member(unpacked: _Unpacked, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    kind = _tar_kind(member)
    place = unpacked.place(member.name) if kind else None
    if place is None:
        return
    if kind is Kind.FOLDER:
        place.mkdir(parents=True, exist_ok=True)
    elif kind is Kind.LINK:
        unpacked.link(place, member.linkname)
    elif content := tar.extractfile(member):
        unpacked.file(place, content, member.mode)


def unpack_zip(archive: Path, target: Path, *, strip: int = 0, bounds: Bounds | None = None) -> None:
    """Unpack a zip of a repository; ``strip`` folders at the start of each name are dropped. Errors as for tar."""
    plan = Plan(bounds or Bounds(), archive.stat().st_size, strip=strip)
    with _foreign_errors():
        _refuse_large_directory(archive)
        with zipfile.ZipFile(archive) as zipped:
            members = [(member, _zip_kind(member)) for member in zipped.infolist()]
            targets = {}
            for number, (member, kind) in enumerate(members):
                if kind is Kind.LINK and number < plan.bounds.members:
                    with zipped.open(member) as content:
                        targets[number] = content.read(_LONGEST_TARGET + 1).decode("utf-8", "replace")
                plan.add(member.orig_filename, kind, size=member.file_size, target=targets.get(number, ""))
            _accept(plan, target)
            unpacked = _Unpacked(target.resolve(), plan)
            for number, (member, kind) in enumerate(members):
                place = unpacked.place(member.filename)
                if place is None:
                    continue
                if kind is Kind.FOLDER:
                    place.mkdir(parents=True, exist_ok=True)
                elif kind is Kind.LINK:
                    unpacked.link(place, targets[number])
                else:
                    with zipped.open(member) as content:
                        unpacked.file(place, content, member.external_attr >> _UNIX_MODE_SHIFT or 0o644)


def _zip_kind(member: zipfile.ZipInfo) -> Kind:
    if member.is_dir():
        return Kind.FOLDER
    is_link = (member.external_attr >> _UNIX_MODE_SHIFT) & _TYPE_MASK == _LINK_TYPE
    return Kind.LINK if is_link else Kind.FILE


def _refuse_large_directory(archive: Path) -> None:
    """Look at the end of a zip: ``zipfile`` reads the whole list of members into memory."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - _END_SIZE - 0xFFFF))
        end = file.read()
    at = end.rfind(_END_OF_ZIP)
    if at < 0 or len(end) < at + _END_SIZE:
        return  # no zip: zipfile says so
    (size,) = struct.unpack_from("<I", end, at + 12)
    if size > _LARGEST_DIRECTORY or end[max(0, at - 20) : at].startswith(_END_OF_ZIP64):
        raise ForeignError("The archive has a list of members that is too large")


def _accept(plan: Plan, target: Path) -> None:
    plan.check_links()
    disk.require(target, plan.wanted)


@contextmanager
def _foreign_errors() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise ForeignError(f"The archive cannot be unpacked: {error}") from error
