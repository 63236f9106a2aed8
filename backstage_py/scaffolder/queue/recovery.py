"""Finding tasks whose worker is gone, and opening them again or ending them.

With ``scaffolder.taskRecovery.enabled`` such a task goes back into the queue and goes on behind its last completed
step (or starts over, if its template says so). Without, it ends as failed: a client that waits must not wait for ever.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from backstage_py.model import times
from backstage_py.scaffolder.queue import worker_lock
from backstage_py.settings.sections import TaskRecoverySettings
from backstage_py.storage.scaffolder.upkeep import Running, TaskUpkeep

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Recovers the tasks of one database.

    Attributes:
        working_directory: where the workers of this machine keep their life signs.
        task_timeout: seconds of silence after which a task is ended even if its worker may live.
    """

    upkeep: TaskUpkeep
    settings: TaskRecoverySettings
    working_directory: Path
    task_timeout: float

    async def run(self) -> None:
        """Look once."""
        running = await self.upkeep.running()
        lost = [one for one in running if self._is_lost(one)]
        if not lost:
            return
        await self._release(lost)
        for worker in {one.worker for one in lost if one.worker}:
            if worker_lock.is_dead(self.working_directory, worker):
                worker_lock.forget(self.working_directory, worker)

    async def release(self, task_ids: Collection[str]) -> None:
        """Treat running tasks as those of a dead worker; their own worker says so when it stops without them."""
        await self._release([one for one in await self.upkeep.running() if one.id in task_ids])

    async def end_stale(self) -> None:
        """End tasks that were silent for longer than ``scaffolder.taskTimeout``, as Backstage's janitor does."""
        before = times.now() - int(self.task_timeout * 1000)
        stale = [one for one in await self.upkeep.running() if one.last_heartbeat_at <= before]
        if stale:
            _report("task_ended_as_stale", await self.upkeep.give_up(stale, stale=True))

    async def _release(self, lost: Sequence[Running]) -> None:
        if self.settings.enabled:
            _report("task_recovered", await self.upkeep.recover(lost))
        else:
            _report("task_given_up", await self.upkeep.give_up(lost, stale=False))

    def _is_lost(self, one: Running) -> bool:
        before = times.now() - int(self.settings.stale_timeout * 1000)
        return one.last_heartbeat_at <= before or worker_lock.is_dead(self.working_directory, one.worker)


def _report(event: str, ids: Sequence[str]) -> None:
    for task_id in ids:
        _log.warning(event, task_id=task_id)
