"""Taking snapshots for one attempt."""

from pathlib import Path

from backstage_py import threads
from backstage_py.folders.manifest import Manifest
from backstage_py.folders.packing import Packer, Stored
from backstage_py.model.task import Claim
from backstage_py.scaffolder.snapshots.archives import Archives
from backstage_py.scaffolder.snapshots.store import SnapshotStore


class SnapshotTaker:
    """Takes a snapshot behind each step, before the step is recorded.

    The snapshot before it stays until the next one: the step may yet not be recorded. When a step changed nothing,
    the snapshot before it holds behind that step, too.

    Args:
        store: where to.
        archives: for the version before, while a replica of it runs.
        claim: of the attempt.
        folder: its workspace.
        largest: bytes of a snapshot as it is stored.
        base: what the workspace was restored from, with its position.
        behind: the position of the newest completed step, None when there is none.
    """

    def __init__(
        self,
        store: SnapshotStore,
        archives: Archives,
        claim: Claim,
        folder: Path,
        largest: int,
        base: tuple[int, Manifest] | None = None,
        *,
        behind: int | None = None,
    ) -> None:
        self._store = store
        self._archives = archives
        self._behind = behind
        self._archived: list[int] = [] if behind is None else [behind]
        self._claim = claim
        self._folder = folder
        self._largest = largest
        self._base = base
        self._packer: Packer | None = None
        self._taken: list[tuple[int, frozenset[str]]] = [] if base is None else [_taken(*base)]
        self._stored: set[str] = set() if base is None else {blob.name for blob in base[1].blobs()}

    async def __call__(self, position: int) -> None:
        """Take one behind the step at this position.

        Raises:
            QuotaError: it is larger than allowed. ClaimLost: the task is another attempt's by now.
        """
        await self._take(position)
        self._behind = position
        if await self._archives.are_read():
            await self.leave_archive()

    async def leave_archive(self) -> None:
        """Keep what a replica of the version before needs to go on; nothing when no step has completed.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        if self._behind is None:
            return
        await self._archives.keep(self._claim, self._behind, self._folder)
        if self._behind not in self._archived:
            replaced, self._archived = self._archived[:-1], [*self._archived[-1:], self._behind]
            await self._archives.drop(self._claim, replaced)

    async def forget_archives(self) -> None:
        """Drop what was left outside of the database: the task has ended, and nothing goes on from it."""
        await self._archives.forget(self._claim, self._archived)

    async def _take(self, position: int) -> None:
        if self._packer is None:
            self._packer = await threads.file_work(self._new_packer)
        packer = self._packer
        last = await self._store_new(packer)
        if not packer.has_changed:
            return
        kept = packer.manifest()
        replaced = [at for at, _ in self._taken[:-1]]
        await self._store.keep(self._claim, position, kept, last, replaced=replaced)
        self._taken = [*self._taken[-1:], _taken(position, kept)]
        needed = frozenset().union(*(names for _, names in self._taken))
        unneeded, self._stored = self._stored - needed, self._stored & needed
        await self._store.drop(self._claim.id, unneeded)

    async def _store_new(self, packer: Packer) -> Stored | None:
        """Store the blobs that are new but the last one, and return that."""
        packing = packer.pack()
        last: Stored | None = None
        while (found := await threads.file_work(next, packing, None)) is not None:
            if last:
                await self._store.add(self._claim, last)
            last = found
            self._stored.add(found.name)
        return last

    def _new_packer(self) -> Packer:
        base = self._base[1] if self._base else None
        return Packer(self._folder, lambda content: self._store.seal(content, self._claim.id), self._largest, base)


def _taken(position: int, kept: Manifest) -> tuple[int, frozenset[str]]:
    return position, frozenset(blob.name for blob in kept.blobs())
