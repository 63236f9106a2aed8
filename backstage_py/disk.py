"""How much a folder holds, how much is free where it lies, and the error that says that it is too much."""

import os
from dataclasses import dataclass
from pathlib import Path

from backstage_py.errors import BackstageError, ServiceUnavailableError

MIB = 1024 * 1024
LEAST_FREE = 128 * MIB
"""What stays free for databases and logs, where nothing else is configured."""


class DiskFullError(ServiceUnavailableError):
    """Too little space is free for what was asked."""


class QuotaError(BackstageError):
    """A folder holds more than it may."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a folder may hold; ``size`` in bytes, holes in files included; None for any.

    Attributes:
        key: the configuration's section whose keys ``…LimitBytes`` and ``…LimitFiles`` are named in the error.
    """

    size: int | None
    files: int | None
    key: str = "scaffolder.workspace"

    def check(self, folder: Path) -> None:
        """Count what a folder holds, links not followed.

        Raises:
            QuotaError: it is too much.
        """
        files = size = 0
        left = [str(folder)]
        while left:
            try:
                entries = os.scandir(left.pop())
            except OSError:  # it is gone, or nobody may look into it
                continue
            with entries:
                for entry in entries:
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        size += _size(entry)
                    self._refuse(files, size)

    def _refuse(self, files: int, size: int) -> None:
        if self.size is not None and size > self.size:
            raise QuotaError(f"The workspace holds more than {amount(self.size)} ({self.key}LimitBytes)")
        if self.files is not None and files > self.files:
            raise QuotaError(f"The workspace holds more than {self.files} files ({self.key}LimitFiles)")


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def require(folder: Path, wanted: int = 0, *, least: int = LEAST_FREE) -> None:
    """Refuse to go on where ``wanted`` bytes more leave less than ``least`` free.

    Raises:
        DiskFullError: see there.
    """
    try:
        found = os.statvfs(folder)
    except OSError:  # what comes next says why
        return
    free = found.f_bavail * found.f_frsize
    if free - wanted < least:
        raise DiskFullError(
            f"Too little disk space is free: {amount(max(free, 0))}, where {amount(least + wanted)} are needed "
            "(scaffolder.freeDiskBytes); the operator must make room"
        )


def amount(size: int) -> str:
    """Return a number of bytes in MiB, or as it is when it is small."""
    return f"{size // MIB} MiB" if size >= MIB else f"{size} bytes"
