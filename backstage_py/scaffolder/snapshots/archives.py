"""Snapshots that an earlier version has kept: one ``tar.gz`` behind each step. Nothing writes them any more."""

import io
import tarfile
from pathlib import Path

from backstage_py.scaffolder.snapshots.restoring import SnapshotRefused
from backstage_py.scaffolder.snapshots.store import Outside
from backstage_py.storage.scaffolder.workspaces import WorkspaceTable


class Archives:
    """The archives of one database, or of what was configured outside of it."""

    def __init__(self, table: WorkspaceTable, outside: Outside | None) -> None:
        self._table = table
        self._outside = outside

    async def load(self, task_id: str, position: int) -> bytes | None:
        """Return the archive of what a task's steps up to ``position`` made, None when there is none."""
        if self._outside:
            return await self._outside.get(f"{task_id}-{position}.tar.gz")
        return await self._table.load(task_id, position)


def unpack(folder: Path, content: bytes) -> None:
    """Unpack an archive into an empty folder.

    Raises:
        SnapshotRefused: something in it leaves the folder; the bucket may not be ours alone.
    """
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        try:
            archive.extractall(folder, filter="data")
        except tarfile.FilterError as error:
            raise SnapshotRefused(
                f"The snapshot of this task's workspace is not restored ({error}); start the task again"
            ) from error
