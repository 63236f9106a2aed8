"""How much a folder holds, how much is free where it lies, and the error that says that it is too much."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from backstage_py import threads
from backstage_py.errors import BackstageError, ServiceUnavailableError

T = TypeVar("T")
MIB = 1024 * 1024
_OFTEN = 0.25
LEAST_FREE = 128 * MIB
"""What stays free for databases and logs, where nothing else is configured."""


class DiskFullError(ServiceUnavailableError):
    """Too little space is free for what was asked."""


class QuotaError(BackstageError):
    """A folder holds more than it may."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a task's folder may hold.

    Attributes:
        size: in bytes, holes in files included.
        files: with folders and links.
        least_free: bytes that stay free on its disk.
        beside: folders on other disks that need room as well, such as the database's.
    """

    size: int = 4096 * MIB
    files: int = 500_000
    least_free: int = LEAST_FREE
    beside: tuple[Path, ...] = ()

    def check(self, folder: Path) -> None:
        """Count what a folder holds, links not followed.

        Raises:
            QuotaError: it is too much. DiskFullError: too little is free.
        """
        for _ in self.looking(folder):
            pass

    def check_room(self, folder: Path) -> None:
        """Look at what is free where a folder lies, and on the disks besides.

        Raises:
            DiskFullError: it is too little.
        """
        for place in (folder, *self.beside):
            require(place, least=self.least_free)

    def looking(self, folder: Path) -> Iterator[None]:
        """Do as ``check``, a folder at a time."""
        self.check_room(folder)
        files = size = 0
        left = [str(folder)]
        while left:
            yield
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
                    if size > self.size or files > self.files:
                        self._refuse(size)

    def _refuse(self, size: int) -> NoReturn:
        if size > self.size:
            raise QuotaError(f"The workspace holds more than {amount(self.size)} (scaffolder.workspaceLimitBytes)")
        raise QuotaError(f"The workspace holds more than {self.files} files (scaffolder.workspaceLimitFiles)")


async def within(quota: Quota, folder: Path, work: Coroutine[Any, Any, T]) -> T:
    """Do work that writes into a folder; it is cancelled when it writes too much.

    Raises:
        QuotaError, DiskFullError: see ``Quota.check``.
    """
    running = asyncio.ensure_future(work)
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=_OFTEN)
            await threads.file_work(quota.check, folder)
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
    return running.result()


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
