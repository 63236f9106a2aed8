"""The worker: claims tasks when woken, runs as many at once as allowed, sends heartbeats, stops in good order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from backstage_py import background
from backstage_py.errors import ServiceUnavailableError
from backstage_py.metrics.scaffolder import ATTEMPTS, PLACES, QUEUE_WAIT, RUNNING
from backstage_py.model import times
from backstage_py.model.task import AttemptKey, Claim
from backstage_py.plugin import CancelSignal
from backstage_py.scaffolder.queue import lease
from backstage_py.scaffolder.queue.attempt import Attempts
from backstage_py.scaffolder.queue.lease import Lease
from backstage_py.scaffolder.queue.recovery import Recovery
from backstage_py.scaffolder.queue.worker_lock import WorkerLock
from backstage_py.storage.scaffolder.claims import ClaimStore, Heartbeat
from backstage_py.storage.scaffolder.tasks import CANCELLATIONS, OPEN_TASKS
from backstage_py.storage.wakes.hub import WakeHub

_log = structlog.get_logger(__name__)
_HEARTBEAT_SECONDS = 1.0
_RECOVERY_SECONDS = 2.0
_CLAIM_PATIENCE = 5.0  # a lost wake costs at most this


@dataclass(slots=True, eq=False)
class _Running:
    """An attempt that this worker works on; when it has ended, its folder is still removed."""

    claim: Claim
    lease: Lease
    signal: CancelSignal = field(default_factory=CancelSignal)
    task: "asyncio.Task[None] | None" = None
    has_ended: bool = False

    def lose(self) -> None:
        """Stop at once: another attempt has the task, or nobody."""
        self.lease.lose()
        self.signal.set()
        if self.task:
            self.task.cancel()


class Worker:
    """Runs tasks of one database.

    Args:
        store: the claims of tasks.
        wakes: tells about open tasks and cancellations.
        attempts: runs a claimed task.
        recovery: finds tasks of dead workers.
        limit: how many tasks run at once (``scaffolder.concurrentTasksLimit``).
        working_directory: where workers of this machine show that they live.
        keep_secrets: secrets stay in the store while a task runs, for its recovery.
    """

    def __init__(
        self,
        *,
        store: ClaimStore,
        wakes: WakeHub,
        attempts: Attempts,
        recovery: Recovery,
        limit: int,
        working_directory: Path,
        keep_secrets: bool,
    ) -> None:
        self.store = store
        self._wakes = wakes
        self._attempts = attempts
        self._recovery = recovery
        self._limit = limit
        self._working_directory = working_directory
        self._keep_secrets = keep_secrets
        self._running: dict[AttemptKey, _Running] = {}
        self._free = asyncio.Event()
        self._stopping = False
        self._lock: WorkerLock | None = None

    @asynccontextmanager
    async def running(self, grace: float) -> AsyncIterator[None]:
        """Run tasks until the block is left. With a limit of 0 the worker only recovers what others lost.

        Then it claims nothing more, lets each running task finish its current step and hands it back before the next.
        A step that takes longer than ``grace`` seconds is left behind; its task is recovered (or ended as failed)
        like one of a worker that died.
        """
        self._lock = WorkerLock(self._working_directory)
        loops = {
            "worker.recovery": self._recover_tasks,
            "worker.heartbeats": self._send_heartbeats,
            "worker.cancellations": self._watch_cancellations,
        }
        if self._limit > 0:
            loops["worker.claims"] = self._claim_tasks
        left: set[AttemptKey] = set()
        PLACES.inc(amount=self._limit)
        try:
            async with background.running(*(background.supervised(*one) for one in loops.items())):
                try:
                    yield
                finally:
                    left = await self._end_tasks(grace)
        finally:
            PLACES.inc(amount=-self._limit)
            self._lock.end()
            if left:
                await self._release(left)

    async def _release(self, left: set[AttemptKey]) -> None:
        """Let others have what was left behind now; with the database away, they find it when its leases have ended."""
        try:
            await self._recovery.release(left)
        except ServiceUnavailableError:
            _log.warning("tasks_left_to_their_leases", tasks=sorted(task_id for task_id, _ in left))

    async def _end_tasks(self, grace: float) -> set[AttemptKey]:
        """Return the attempts that were left behind."""
        self._stopping = True
        self._free.set()
        tasks = [one.task for one in self._running.values() if one.task]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        left = [one for one in self._running.values() if one.task and not one.task.done()]
        if left:
            self.store.end_patience()
        for one in left:
            _log.warning("task_left_behind", task_id=one.claim.id)
            if one.task:
                one.task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return {one.claim.key for one in left if not one.has_ended}

    async def _claim_tasks(self) -> None:
        with self._wakes.subscribe(OPEN_TASKS) as wake:
            while not self._stopping:
                claimed = 0
                free = self._limit - len(self._running)
                if free > 0:
                    claimed = await self._claim(free)
                if len(self._running) >= self._limit:
                    self._free.clear()
                    await self._free.wait()
                elif claimed < free:  # there were no more; what came since then has woken us
                    await wake.wait(_CLAIM_PATIENCE)

    async def _claim(self, most: int) -> int:
        if self._lock is None:
            return 0
        asked_at = lease.moment()
        running = [task_id for task_id, _ in self._running]
        claims = await self.store.claim(self._lock.worker, most, keep_secrets=self._keep_secrets, running=running)
        for claim in claims:
            one = self._running[claim.key] = _Running(claim, Lease(self.store, claim))
            one.lease.renewed(asked_at)
            if claim.number == 1:
                QUEUE_WAIT.observe(max(times.now() - claim.task.created_at, 0) / 1000)
            if claim.cancel_requested:
                one.signal.set()
            one.task = asyncio.create_task(self._run(one), name=f"task-{claim.id}-{claim.number}")
        return len(claims)

    async def _run(self, one: _Running) -> None:
        RUNNING.inc()
        try:
            folder = await self._attempts.run(one.claim, one.lease, one.signal, lambda: self._stopping)
            one.has_ended = True
            if folder:
                await self._attempts.clean_up(folder)
        except Exception:  # noqa: BLE001  # the worker loop's edge
            # Nothing could be written, else the run had ended by itself: the heartbeat falls silent and recovery acts.
            _log.exception("task_broke", task_id=one.claim.id)
            ATTEMPTS.inc("broken")
        finally:
            RUNNING.inc(amount=-1)
            self._running.pop(one.claim.key, None)
            self._free.set()

    def _leased(self) -> list[Claim]:
        return [one.claim for one in self._running.values() if not one.has_ended]

    async def _send_heartbeats(self) -> None:
        while True:
            if self._lock and (claims := self._leased()):
                asked_at = lease.moment()
                beat = await self.store.heartbeat(self._lock.worker, claims)
                self._apply(beat, claims, renewed=asked_at)
            await asyncio.sleep(_HEARTBEAT_SECONDS)  # behind it: started again, the loop makes up for what it missed

    async def _watch_cancellations(self) -> None:
        with self._wakes.subscribe(CANCELLATIONS) as wake:
            while True:
                if await wake.wait() and self._lock and (claims := self._leased()):
                    self._apply(await self.store.cancelled_among(self._lock.worker, claims), claims)

    def _apply(self, heartbeat: Heartbeat, claims: list[Claim], *, renewed: float | None = None) -> None:
        for claim in claims:
            one = self._running.get(claim.key)
            if one is None or one.has_ended:
                continue
            if claim.key in heartbeat.lost:
                if not one.lease.is_ending:
                    one.lose()
                continue
            if renewed is not None:
                one.lease.renewed(renewed)
            if claim.key in heartbeat.cancelled:
                one.signal.set()

    async def _recover_tasks(self) -> None:
        while True:
            await self._recovery.run()
            await asyncio.sleep(_RECOVERY_SECONDS)
