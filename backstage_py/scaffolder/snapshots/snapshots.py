"""The snapshots of a scaffolder: what an attempt begins with, and what takes them for it."""

from dataclasses import dataclass
from pathlib import Path

from backstage_py import threads
from backstage_py.model.task import Claim
from backstage_py.scaffolder.snapshots import archives, restoring
from backstage_py.scaffolder.snapshots.archives import Archives
from backstage_py.scaffolder.snapshots.manifest import Manifest
from backstage_py.scaffolder.snapshots.store import SnapshotStore
from backstage_py.scaffolder.snapshots.taker import SnapshotTaker


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a task: a manifest with the position of its step, or an archive of an earlier version."""

    base: tuple[int, Manifest] | None
    archive: bytes = b""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Finds, restores and takes snapshots.

    Attributes:
        largest: bytes of a snapshot as it is stored.
    """

    store: SnapshotStore
    archives: Archives
    largest: int

    async def begin(self, claim: Claim, folder: Path) -> SnapshotTaker:
        """Begin with an empty workspace; what earlier attempts at the task have kept counts no more.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        if claim.number > 1:
            await self.store.behind(claim, -1)
        return SnapshotTaker(self.store, claim, folder, self.largest)

    async def find(self, claim: Claim, position: int) -> Found | None:
        """Return what a task's steps up to ``position`` made; None when nothing of it is kept.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        if base := await self.store.behind(claim, position):
            return Found(base)
        archive = await self.archives.load(claim.id, position)
        return Found(None, archive) if archive else None

    async def restore(self, found: Found, claim: Claim, folder: Path) -> SnapshotTaker:
        """Make an empty folder what was found.

        Raises:
            SnapshotRefused: a part is gone or was changed, or something leaves the folder.
        """
        if found.base:
            await self._restore(found.base[1], claim, folder)
        else:
            await threads.file_work(archives.unpack, folder, found.archive)
        return SnapshotTaker(self.store, claim, folder, self.largest, found.base)

    async def _restore(self, kept: Manifest, claim: Claim, folder: Path) -> None:
        await threads.file_work(restoring.begin, folder, kept)
        for blob in kept.blobs():
            content = await self.store.content(claim.id, blob)
            await threads.file_work(restoring.fill, folder, kept, blob, content)
        await threads.file_work(restoring.finish, folder, kept)
