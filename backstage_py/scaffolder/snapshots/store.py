"""Where snapshots are kept: manifests in the database, blobs there or outside. All of it is sealed."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from backstage_py import threads
from backstage_py.folders import manifest as manifests
from backstage_py.folders.manifest import Blob, Manifest
from backstage_py.folders.packing import Stored
from backstage_py.folders.restoring import SnapshotRefused, check_blob
from backstage_py.model.task import Claim
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.snapshots import NewBlob, SnapshotTable

_AT_ONCE = 100


class Outside(Protocol):
    """A place for blobs outside of the database, by keys such as ``<task id>/<name>``."""

    async def put(self, key: str, content: bytes) -> None:
        """Keep a blob; it appears whole or not at all."""

    async def get(self, key: str) -> bytes | None:
        """Return a blob, None when there is none."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Drop blobs, as far as they exist."""


class SnapshotStore:
    """The snapshots of one database.

    Args:
        table: of manifests, and of blobs or their names.
        box: seals.
        outside: where blobs are kept; in the table unless given.
    """

    def __init__(self, table: SnapshotTable, box: SecretBox, outside: Outside | None = None) -> None:
        self._table = table
        self._box = box
        self._outside = outside

    def seal(self, content: bytes, task_id: str) -> bytes:
        """Return the bytes that are stored of a blob. Not for the event loop: there may be megabytes."""
        return self._box.seal(content, task_id)

    async def add(self, claim: Claim, stored: Stored) -> None:
        """Store a blob; the manifest that names it follows.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        await self._table.add(claim, [NewBlob(*stored, is_outside=self._outside is not None)])
        if self._outside:
            await self._outside.put(_key(claim.id, stored.name), stored.content)

    async def keep(
        self, claim: Claim, position: int, kept: Manifest, last: Stored | None, *, replaced: Collection[int]
    ) -> None:
        """Store a manifest with the last of its blobs.

        Args:
            claim: of the attempt.
            position: of the step behind which it was taken.
            kept: the manifest.
            last: a blob that is not stored yet.
            replaced: positions of the snapshots that may be dropped.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        sealed = await threads.file_work(lambda: self._box.seal(kept.as_bytes(), _context(claim.id, position)))
        if last and self._outside:
            await self.add(claim, last)
            last = None
        new = [NewBlob(*last, is_outside=False)] if last else []
        await self._table.keep(claim, position, sealed, new, replaced=replaced)

    async def drop(self, task_id: str, names: Collection[str]) -> None:
        """Drop blobs that no manifest names any more."""
        if names and self._outside:
            await self._outside.delete([_key(task_id, name) for name in names])
        if names:
            await self._table.drop(task_id, names)

    async def forget_behind(self, claim: Claim, position: int) -> None:
        """Forget what was kept behind later steps: they were not recorded, and run again.

        Raises:
            ClaimLost: the task is another attempt's by now.
        """
        await self._table.forget_behind(claim, position)

    async def behind(self, task_id: str, position: int) -> tuple[int, Manifest] | None:
        """Return the manifest of what a task's steps up to ``position`` made, with the position of its step."""
        found = await self._table.behind(task_id, position)
        if found is None:
            return None
        at, sealed = found
        return at, await threads.file_work(lambda: manifests.parse(self._box.unseal(sealed, _context(task_id, at))))

    async def content(self, task_id: str, blob: Blob) -> bytes:
        """Return what a blob holds, unsealed and still compressed.

        Raises:
            SnapshotRefused: it is gone, or not the one that was kept.
        """
        stored = await (
            self._outside.get(_key(task_id, blob.name)) if self._outside else self._table.blob(task_id, blob.name)
        )
        if stored is None:
            raise SnapshotRefused("A part of the snapshot of this task's workspace is gone; start the task again")
        return await threads.file_work(self._unseal, task_id, blob, stored)

    async def collect(self) -> int:
        """Drop blobs outside of the database that ended tasks have left; return how many."""
        count = 0
        while self._outside and (unused := await self._table.unused(_AT_ONCE)):
            for task_id, names in unused.items():
                await self.drop(task_id, names)
                count += len(names)
            await asyncio.sleep(0)
        return count

    def _unseal(self, task_id: str, blob: Blob, stored: bytes) -> bytes:
        check_blob(blob, stored)
        return self._box.unseal(stored, task_id)


def _key(task_id: str, name: str) -> str:
    return f"{task_id}/{name}"


def _context(task_id: str, position: int) -> str:
    return f"{task_id}/snapshot/{position}"
