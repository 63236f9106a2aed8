"""Snapshots as the version before keeps and reads them: one ``tar.gz`` behind each step.

Its replicas share the database during an upgrade and after one is taken back. What they have recorded goes on from
their archives; so that they can go on with what is ours, we leave one when a task is handed back, and behind each step
while one of them runs.
"""

import importlib
import io
import stat
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from backstage_py import threads
from backstage_py.disk import QuotaError
from backstage_py.errors import BackstageError
from backstage_py.folders.restoring import SnapshotRefused
from backstage_py.model.task import Claim
from backstage_py.scaffolder.snapshots.store import Outside
from backstage_py.storage.faults import is_outage
from backstage_py.storage.scaffolder.workspaces import WorkspaceTable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_log = structlog.get_logger(__name__)
# Python before 3.11.4, as in Debian 12, cannot filter what it unpacks.
_filtering = tarfile if hasattr(tarfile, "data_filter") else importlib.import_module("backports.tarfile")


class Archives:
    """The archives of one database, or of what was configured outside of it.

    Args:
        table: of archives, and of those who read them.
        outside: where they are kept; in the table unless given.
        largest: bytes of one.
    """

    def __init__(self, table: WorkspaceTable, outside: Outside | None, largest: int) -> None:
        self._table = table
        self._outside = outside
        self._largest = largest

    async def are_read(self) -> bool:
        """Say whether a replica of the version before seems to run at this moment."""
        return await self._table.has_older_readers()

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return the archive of what a task's steps up to ``position`` made, None when there is none."""
        if self._outside:
            return await self._outside.get(_key(task_id, position))
        return await self._table.load(task_id, position)

    async def keep(self, claim: Claim, position: int, folder: Path) -> None:
        """Keep one of a folder; without it the version before cannot go on with the task, and no more is lost.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        try:
            content = await threads.file_work(_pack, folder, self._largest)
            await self._table.save(claim, position, content if self._outside is None else None)
            if self._outside:
                await self._outside.put(_key(claim.id, position), content)
        except (BackstageError, OSError) as error:
            if is_outage(error):
                raise
            _log.warning("archive_not_kept", task_id=claim.id, position=position, problem=str(error))

    async def drop(self, claim: Claim, positions: Collection[int]) -> None:
        """Drop archives that a newer one has replaced, as far as they exist."""
        if positions and not self._outside:
            await self._table.drop(claim, positions)
        await self.forget(claim, positions)

    async def forget_behind(self, claim: Claim, position: int) -> None:
        """Drop those outside of the database whose steps are about to run again; ``SnapshotTable`` does the same."""
        await self.forget(claim, range(position + 1, len(claim.task.spec.get("steps") or ())))

    async def forget(self, claim: Claim, positions: Collection[int]) -> None:
        """Drop those outside of the database of an attempt that has ended; those within went with its progress."""
        if positions and self._outside:
            await self._outside.delete([_key(claim.id, position) for position in positions])


def unpack(folder: Path, content: bytes) -> None:
    """Unpack an archive into an empty folder.

    Raises:
        SnapshotRefused: something in it leaves the folder; the bucket may not be ours alone.
    """
    with _filtering.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        try:
            archive.extractall(folder, filter="data")
        except _filtering.FilterError as error:
            raise SnapshotRefused(
                f"The snapshot of this task's workspace is not restored ({error}); start the task again"
            ) from error


class _Bounded(io.BytesIO):
    """Takes as many bytes as allowed."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, content: "ReadableBuffer", /) -> int:
        if self.tell() + len(memoryview(content)) > self._most:
            raise QuotaError("The workspace is larger than scaffolder.snapshotLimitBytes")
        return super().write(content)


def _pack(folder: Path, most: int) -> bytes:
    buffer = _Bounded(most)
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.add(folder, arcname=".", filter=_kept)
    return buffer.getvalue()


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what is no file, folder or link: it would not be unpacked."""
    entry.mode = stat.S_IMODE(entry.mode)
    return entry if entry.isfile() or entry.isdir() or entry.issym() or entry.islnk() else None


def _key(task_id: str, position: int) -> str:
    return f"{task_id}-{position}.tar.gz"
