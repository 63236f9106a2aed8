"""An attempt is one claim of a task: its lease, its workspace, its journal, what earlier ones left, its completion."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from backstage_py.errors import BackstageError, ServiceUnavailableError, as_name
from backstage_py.execution.failures import as_backstage_error
from backstage_py.metrics.scaffolder import ATTEMPTS
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import Claim, ClaimLost, StepResult, TaskStatus
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import CancelSignal
from backstage_py.scaffolder.face import delegation
from backstage_py.scaffolder.queue import audited
from backstage_py.scaffolder.queue.audited import Execution
from backstage_py.scaffolder.queue.lease import Lease
from backstage_py.scaffolder.queue.workspaces import AttemptFolder, WorkspaceFolders, WorkspaceLost
from backstage_py.scaffolder.run import context as contexts
from backstage_py.scaffolder.run import initiator, observing
from backstage_py.scaffolder.run import spec as specs
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import RunBudget
from backstage_py.scaffolder.run.context import EarlierProgress, Hooks, RunContext, WorkerStopping
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import TaskJournal
from backstage_py.scaffolder.run.runner import Run, RunFailed
from backstage_py.scaffolder.snapshots.snapshots import Snapshots
from backstage_py.scaffolder.snapshots.taker import SnapshotTaker
from backstage_py.settings.sections import LimitSettings
from backstage_py.storage import outages
from backstage_py.storage.faults import is_outage
from backstage_py.storage.scaffolder.checkpoints import CheckpointStore
from backstage_py.storage.scaffolder.claims import ClaimStore
from backstage_py.tracing import spans

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 1.0
_SECRETS_LOST = (
    "The secrets of this task cannot be read: the key with which they were stored is not at hand. They are kept; "
    "restore the key (see docs/keys.md) and retry the task, or start it again"
)
_WORKSPACE_LOST = (
    "The workspace of this task is not on this machine and no snapshot of it was kept; start the task again, and set "
    "scaffolder.taskRecovery.workspaceProvider to keep snapshots"
)


@dataclass(slots=True)
class _Attempt:
    """One attempt while it runs."""

    claim: Claim
    lease: Lease
    signal: CancelSignal
    journal: TaskJournal
    told: Execution = field(default_factory=Execution)
    folder: AttemptFolder | None = None
    taker: SnapshotTaker | None = None

    async def end(self, status: TaskStatus, body: JsonObject, *, keep_progress: bool) -> None:
        """Write the completion; from then on the task is no longer leased, and a heartbeat may say so first."""
        self.lease.is_ending = True
        await self.journal.end(status, body, keep_progress=keep_progress)

    def let_go(self) -> None:
        """Leave the folder to a later attempt."""
        if self.folder:
            self.folder.let_go()


@dataclass(frozen=True, slots=True)
class Attempts:
    """Runs attempts: claimed tasks.

    Attributes:
        snapshots: where snapshots of workspaces are kept, None when they are off.
        keep_progress: what a failed run reached is kept for a retry that goes on from there.
        log_limit: bytes of events that are kept for a task.
        authority: says which actions a task's initiator may execute.
        limits: of the budget that each attempt gets.
        audited_length: characters of a form value that the audit log shows; -1 for all.
    """

    store: ClaimStore
    checkpoints: CheckpointStore
    folders: WorkspaceFolders
    equipment: Equipment
    snapshots: Snapshots | None = None
    keep_progress: bool = False
    log_limit: int = 16 * 1024 * 1024
    authority: Authority = field(default_factory=Authority)
    limits: LimitSettings = field(default_factory=LimitSettings)
    audited_length: int = 256

    async def run(
        self, claim: Claim, lease: Lease, signal: CancelSignal, stopping: Callable[[], bool]
    ) -> AttemptFolder | None:
        """Run a task until it has ended, is handed back, or turns out to be another attempt's.

        It waits for a database that is away. Where that cannot help, since the patience of what it does is over or
        nobody knows whether something was written, it is handed back: that is no failure of the task.

        Returns the folder if the attempt has ended with it; see ``clean_up``.
        """
        with outages.patience(), observing.attempt(claim), audited.execution(claim, self.audited_length) as told:
            journal = TaskJournal(self.store, claim, log_limit=self.log_limit, trace_id=spans.trace_id())
            return await self._until_over(_Attempt(claim, lease, signal, journal, told), stopping)

    async def _until_over(self, attempt: _Attempt, stopping: Callable[[], bool]) -> AttemptFolder | None:
        claim, lease, signal = attempt.claim, attempt.lease, attempt.signal
        log = _log.bind(task_id=claim.id, attempt=claim.number)
        log.info("task_claimed")
        began = time.monotonic()
        try:
            status = await self._run(attempt, stopping)
            observing.attempt_ended(claim, _outcome(status, signal), time.monotonic() - began)
            log.info("task_ended", status=status.value)
        except WorkerStopping:
            await attempt.journal.commit()
            if attempt.taker:
                await attempt.taker.leave_archive()
            lease.is_ending = True
            await self.store.hand_back(claim)
            ATTEMPTS.inc("handed_back")
            log.info("task_handed_back")
            attempt.let_go()
        except ClaimLost:  # raised between two effects; where it is cancelled instead, an action may still work there
            ATTEMPTS.inc("lost")
            log.warning("task_claim_lost")
            attempt.let_go()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("task_waits_for_database", problem=str(error))
            await self._hand_back(attempt, stopping)
        else:
            if attempt.taker and (status is TaskStatus.COMPLETED or not self.keep_progress):
                await attempt.taker.forget_archives()
            return attempt.folder
        finally:
            await attempt.journal.close()
        return None

    async def _hand_back(self, attempt: _Attempt, stopping: Callable[[], bool]) -> None:
        """Hand back what an outage has ended, as soon as the database can take it."""
        await attempt.journal.close()
        attempt.lease.is_ending = True
        while True:
            try:
                await self.store.hand_back(attempt.claim)
            except ServiceUnavailableError:
                if stopping():
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            except ClaimLost:
                break
            else:
                ATTEMPTS.inc("handed_back")
                _log.info("task_handed_back", task_id=attempt.claim.id)
                break
        attempt.let_go()

    async def clean_up(self, folder: AttemptFolder) -> None:
        """Remove the folder of an attempt that has ended, and what attempts before it left."""
        await self.folders.remove(folder)

    async def _run(self, attempt: _Attempt, stopping: Callable[[], bool]) -> TaskStatus:
        try:
            if attempt.claim.number > 1:
                attempt.journal.has_logged(await self.store.logged(attempt.claim.id))
            context = await self._context(attempt, stopping)
            output = await Run(context).run()
        except RunFailed as failure:
            return await self._fail(attempt, failure.name, failure.error.message)
        except (ClaimLost, WorkerStopping):
            raise
        except Exception as error:
            if is_outage(error):
                raise
            if isinstance(error, BackstageError):
                return await self._fail(attempt, as_name(error), error.message)
            _log.exception("task_broke", task_id=attempt.claim.id)  # the worker's edge: a task ends whatever happens
            return await self._fail(attempt, "Error", as_backstage_error(error).message)
        body = {"message": "Run completed with status: completed", "output": output}
        await attempt.end(TaskStatus.COMPLETED, body, keep_progress=False)
        attempt.told.completed()
        return TaskStatus.COMPLETED

    async def _fail(self, attempt: _Attempt, name: str, message: str) -> TaskStatus:
        body: JsonObject = {
            "message": "Run completed with status: failed",
            "error": {"name": name, "message": message},
        }
        await attempt.end(TaskStatus.FAILED, body, keep_progress=self.keep_progress)
        attempt.told.failed(name, message)
        return TaskStatus.FAILED

    async def _context(self, attempt: _Attempt, stopping: Callable[[], bool]) -> RunContext:
        claim = attempt.claim
        if claim.secrets_lost:
            raise BackstageError(_SECRETS_LOST)
        spec = specs.parse(claim.task.spec)
        earlier = await self._earlier_progress(claim)
        folder = await self._workspace(attempt, earlier.steps)
        credentials = initiator.from_secrets(claim.secrets, claim.task.created_by)

        def before_step() -> None:
            if stopping():
                raise WorkerStopping

        async def save_checkpoint(key: str, value: Json) -> None:
            await self.checkpoints.save(claim, key, value)

        return await contexts.prepare(
            claim.id,
            spec,
            folder.path,
            secrets=claim.secrets,
            equipment=delegation.equipment_for(self.equipment, credentials),
            journal=attempt.journal,
            signal=attempt.signal,
            gate=ActionGate(self.authority, credentials),
            budget=RunBudget(self.limits),
            claim=claim.number,
            hooks=Hooks(earlier, before_step, attempt.lease.check, attempt.taker, save_checkpoint),
        )

    async def _earlier_progress(self, claim: Claim) -> EarlierProgress:
        """Return what earlier runs left; a task that is claimed for the first time has none."""
        if claim.number == 1:
            return EarlierProgress()
        steps = await self.store.finished_steps(claim.id)
        return EarlierProgress(steps, await self.checkpoints.load(claim.id))

    async def _workspace(self, attempt: _Attempt, earlier: Mapping[int, StepResult]) -> AttemptFolder:
        """Give the attempt its folder, ready for the step behind the completed ones.

        Raises:
            WorkspaceLost: what completed steps made is gone.
        """
        done = [result for result in earlier.values() if not result.failed]
        if not done:
            folder = attempt.folder = await self.folders.open(*attempt.claim.key)
            attempt.taker = await self._begun(attempt, folder)
            return folder
        last, since = max(done, key=lambda result: result.position), max(result.attempt or 0 for result in done)
        if self.snapshots:
            is_archived = last.attempt is None
            found = await self.snapshots.find(attempt.claim, last.position, is_archived=is_archived)
            if found:
                folder = attempt.folder = await self.folders.open(*attempt.claim.key)
                attempt.taker = await self.snapshots.restore(found, attempt.claim, folder.path)
                return folder
        return await self._taken_over(attempt, since, last.position)

    async def _taken_over(self, attempt: _Attempt, since: int, behind: int) -> AttemptFolder:
        folder = attempt.folder = await self.folders.take_over(*attempt.claim.key, since=since)
        if folder is None:
            raise WorkspaceLost(_WORKSPACE_LOST)
        attempt.taker = await self._begun(attempt, folder, behind)
        return folder

    async def _begun(self, attempt: _Attempt, folder: AttemptFolder, behind: int | None = None) -> SnapshotTaker | None:
        return await self.snapshots.begin(attempt.claim, folder.path, behind) if self.snapshots else None


def _outcome(status: TaskStatus, signal: CancelSignal) -> str:
    if status is TaskStatus.COMPLETED:
        return "completed"
    return "cancelled" if signal.is_set else "failed"
