"""Finding tasks whose worker is gone, and opening them again or ending them.

With ``scaffolder.taskRecovery.enabled`` such a task goes back into the queue and goes on behind its last completed
step (or starts over, if its template says so). Without, it ends as failed: a client that waits must not wait for ever.

A claim is a lease: its worker renews it every second, by the database's clock. It is lost when it was not renewed for
``staleTimeout`` by that clock, and did not change for a few seconds while this process looked on by a monotonic one:
a clock that is set forward ends nothing that is alive (see ``silence``). A worker of this machine whose lock is free is
dead at once.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from backstage_py.metrics.scaffolder import RECOVERED
from backstage_py.model.task import AttemptKey
from backstage_py.scaffolder.queue import audited, worker_lock
from backstage_py.scaffolder.queue.silence import FEW_HEARTBEATS, Silence
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
    _silence: Silence = field(default_factory=Silence)

    async def run(self) -> None:
        """Find lost tasks and recover them, once."""
        running = await self._look(self.settings.stale_timeout)
        lost = [one for one in running if self._is_lost(one)]
        if lost:
            await self._release(lost)
        worker_lock.forget_dead(self.working_directory, {one.worker for one in running if one not in lost})

    async def release(self, attempts: Collection[AttemptKey]) -> None:
        """Treat attempts as those of a dead worker; their own worker says so when it stops without them."""
        await self._release([one for one in await self.upkeep.running() if (one.id, one.claim) in attempts])

    async def end_stale(self) -> None:
        """End tasks that were silent for longer than ``scaffolder.taskTimeout``, as Backstage's janitor does."""
        stale = [one for one in await self._look(self.task_timeout) if self._is_silent(one, self.task_timeout)]
        if stale:
            ended = await self.upkeep.give_up(stale, stale=True)
            _report("task_ended_as_stale", ended)
            for task_id in ended:
                audited.ended_as_stale(task_id)

    async def _release(self, lost: Sequence[Running]) -> None:
        if self.settings.enabled:
            recovered = await self.upkeep.recover(lost)
            RECOVERED.inc(amount=len(recovered))
            _report("task_recovered", recovered)
        else:
            _report("task_given_up", await self.upkeep.give_up(lost, stale=False))

    async def _look(self, seconds: float) -> Sequence[Running]:
        """Return the running tasks; those that look silent for so long are watched for a moment."""
        running = await self._look_once(seconds)
        if any(_is_old(one, seconds) and not self._is_silent(one, seconds) for one in running):
            await asyncio.sleep(FEW_HEARTBEATS)
            running = await self._look_once(seconds)
        return running

    async def _look_once(self, seconds: float) -> Sequence[Running]:
        """Return the running tasks, and remember since when each of them looks as it does."""
        async with self._silence.look() as found:
            found.extend(await self.upkeep.running())
            if old := [one.id for one in found if _is_old(one, seconds)]:
                await self.upkeep.could_be_renewed(old)
        return found

    def _is_lost(self, one: Running) -> bool:
        return worker_lock.is_dead(self.working_directory, one.worker) or self._is_silent(
            one, self.settings.stale_timeout
        )

    def _is_silent(self, one: Running, seconds: float) -> bool:
        watched = self._silence.seconds(one)
        return watched >= seconds or (_is_old(one, seconds) and watched >= FEW_HEARTBEATS)


def _is_old(one: Running, seconds: float) -> bool:
    """Say whether the heartbeat is older than that by the database's clock, which may have been set."""
    return one.silent >= seconds * 1000


def _report(event: str, ids: Sequence[str]) -> None:
    for task_id in ids:
        _log.warning(event, task_id=task_id)
