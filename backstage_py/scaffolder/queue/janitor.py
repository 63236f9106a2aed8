"""Cleaning up on a schedule: stale tasks, and tasks that are older than the retention."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from backstage_py import background, threads
from backstage_py.model import times
from backstage_py.scaffolder.queue.recovery import Recovery
from backstage_py.scaffolder.queue.removal import remove_tree
from backstage_py.scaffolder.queue.workspaces import WorkspaceFolders
from backstage_py.scaffolder.snapshots.store import SnapshotStore
from backstage_py.storage.scaffolder.upkeep import TaskUpkeep

_log = structlog.get_logger(__name__)
_AT_ONCE = 200
_SETTLED_SECONDS = 120


class Janitor:
    """Runs every ``frequency`` seconds.

    Args:
        upkeep: of the tasks.
        recovery: knows which tasks are stale.
        folders: of tasks; those of ended tasks are removed, which only a killed worker leaves.
        snapshots: whose blobs outside of the database are dropped once no task needs them; None when they are off.
        before_removal: is done before tasks are removed, so that what counts of them is kept.
        retention: seconds that an ended task is kept, None for ever.
        frequency: seconds between two rounds.
    """

    def __init__(
        self,
        upkeep: TaskUpkeep,
        recovery: Recovery,
        folders: WorkspaceFolders,
        snapshots: SnapshotStore | None,
        *,
        before_removal: Callable[[], Awaitable[None]],
        retention: float | None,
        frequency: float,
    ) -> None:
        self._folders = folders
        self._snapshots = snapshots
        self._upkeep = upkeep
        self._recovery = recovery
        self._before_removal = before_removal
        self._retention = retention
        self._frequency = frequency

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Clean up until the block is left."""
        async with background.running(background.supervised("scaffolder.janitor", self._run_forever)):
            yield

    async def _run_forever(self) -> None:
        while True:
            await self.run()
            await asyncio.sleep(self._frequency)

    async def run(self) -> None:
        """Clean up once."""
        await self._recovery.end_stale()
        await self._remove_left_folders()
        await self._remove_old_tasks()
        if self._snapshots and (count := await self._snapshots.collect()):
            _log.info("left_snapshots_removed", blobs=count)

    async def _remove_old_tasks(self) -> None:
        if self._retention is None:
            return
        before = times.now() - int(self._retention * 1000)
        await self._before_removal()
        removed = 0
        while (count := await self._upkeep.remove_ended_before(before, _AT_ONCE)) > 0:
            removed += count
        if removed:
            _log.info("old_tasks_removed", count=removed)

    async def _remove_left_folders(self) -> None:
        """Remove what is left of ended tasks. An attempt of one of them that still runs has lost it."""
        left = await threads.file_work(self._folders.left_behind)
        before = times.now() - _SETTLED_SECONDS * 1000
        ended = await self._upkeep.ended_among({one.task_id for one in left}, before)
        gone = [one for one in left if one.task_id in ended]
        for one in gone:
            await threads.file_work(remove_tree, one.path)
        for task_id in sorted({one.task_id for one in gone}):
            _log.info("left_workspace_removed", task_id=task_id)
