"""The snapshots of a scaffolder: what an attempt begins with, and what takes them for it."""

from dataclasses import dataclass
from pathlib import Path

from backstage_py import threads
from backstage_py.folders import restoring
from backstage_py.folders.manifest import Manifest
from backstage_py.model.task import Claim
from backstage_py.scaffolder.snapshots import archives
from backstage_py.scaffolder.snapshots.archives import Archives
from backstage_py.scaffolder.snapshots.store import SnapshotStore
from backstage_py.scaffolder.snapshots.taker import SnapshotTaker


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a task: a manifest with the position of its step, or an archive of the version before.

    Attributes:
        behind: the position of the newest completed step, whose snapshot may be that of one before it.
    """

    behind: int
    base: tuple[int, Manifest] | None
    archive: bytes = b""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Finds, restores and takes snapshots.

    Attributes:
        archives: what the version before has kept, and goes on from.
        largest: bytes of a snapshot as it is stored.
    """

    store: SnapshotStore
    archives: Archives
    largest: int

    async def begin(self, claim: Claim, folder: Path, behind: int | None = None) -> SnapshotTaker:
        """Begin with a workspace as it is; what earlier attempts at the task have kept counts no more.

        Args:
            claim: of the attempt.
            folder: the workspace.
            behind: the position of the newest completed step.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        if claim.number > 1:
            await self._forget_behind(claim, -1)
        return SnapshotTaker(self.store, self.archives, claim, folder, self.largest, behind=behind)

    async def find(self, claim: Claim, position: int, *, is_archived: bool = False) -> Found | None:
        """Return what a task's steps up to ``position`` made; None when nothing of it is kept.

        Args:
            claim: of the attempt that goes on.
            position: of the newest completed step.
            is_archived: the version before has recorded that step, so what we have kept of the task is older.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        await self._forget_behind(claim, position)
        base = None if is_archived else await self.store.behind(claim.id, position)
        if base:
            return Found(position, base)
        archive = await self.archives.load(claim.id, position)
        return Found(position, None, archive) if archive else None

    async def restore(self, found: Found, claim: Claim, folder: Path) -> SnapshotTaker:
        """Make an empty folder what was found behind a step.

        Raises:
            SnapshotRefused: a part is gone or was changed, or something leaves the folder.
        """
        if found.base:
            await self._restore(found.base[1], claim, folder)
        else:
            await threads.file_work(archives.unpack, folder, found.archive)
        return SnapshotTaker(self.store, self.archives, claim, folder, self.largest, found.base, behind=found.behind)

    async def _forget_behind(self, claim: Claim, position: int) -> None:
        await self.store.forget_behind(claim, position)
        await self.archives.forget_behind(claim, position)

    async def _restore(self, kept: Manifest, claim: Claim, folder: Path) -> None:
        await threads.file_work(restoring.begin, folder, kept)
        for blob in kept.blobs():
            content = await self.store.content(claim.id, blob)
            await threads.file_work(restoring.fill, folder, kept, blob, content)
        await threads.file_work(restoring.finish, folder, kept)
