"""An attempt is one claim of a task: its workspace, its journal, what earlier attempts left, its completion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from backstage_py.errors import BackstageError, as_name
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import Claim, ClaimLost, StepResult, TaskStatus
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import CancelSignal, Workspace
from backstage_py.scaffolder.executors.error_text import as_backstage_error
from backstage_py.scaffolder.face import delegation
from backstage_py.scaffolder.queue.workspaces import WorkspaceFolders
from backstage_py.scaffolder.run import initiator
from backstage_py.scaffolder.run import spec as specs
from backstage_py.scaffolder.run.action_gate import ActionGate
from backstage_py.scaffolder.run.budget import RunBudget
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.journal import TaskJournal
from backstage_py.scaffolder.run.runner import EarlierProgress, Run, RunContext, RunFailed, WorkerStopping
from backstage_py.settings.sections import LimitSettings
from backstage_py.storage.scaffolder.checkpoints import CheckpointStore
from backstage_py.storage.scaffolder.claims import ClaimStore

_log = structlog.get_logger(__name__)
_SECRETS_LOST = (
    "The secrets of this task cannot be read: the key with which they were stored is another one by now; "
    "start the task again"
)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Runs attempts: claimed tasks.

    Attributes:
        keep_progress: what a failed run reached is kept for a retry that goes on from there.
        log_limit: bytes of events that are kept for a task.
        authority: says which actions a task's initiator may execute.
        limits: of the budget that each attempt gets.
    """

    store: ClaimStore
    checkpoints: CheckpointStore
    folders: WorkspaceFolders
    equipment: Equipment
    keep_progress: bool = False
    log_limit: int = 16 * 1024 * 1024
    authority: Authority = field(default_factory=Authority)
    limits: LimitSettings = field(default_factory=LimitSettings)

    async def run(self, claim: Claim, signal: CancelSignal, stopping: Callable[[], bool]) -> None:
        """Run a task until it has ended, is handed back, or turns out to be another worker's."""
        log = _log.bind(task_id=claim.id)
        log.info("task_claimed", attempt=claim.number)
        logged = await self.store.logged(claim.id) if claim.number > 1 else 0
        journal = TaskJournal(self.store, claim, log_limit=max(self.log_limit - logged, 0))
        try:
            status = await self._run(claim, journal, signal, stopping)
            log.info("task_ended", status=status.value)
            await self.folders.remove(claim.id, leftovers=claim.number > 1)
        except WorkerStopping:
            await journal.commit()
            await self.store.hand_back(claim)
            log.info("task_handed_back")
        except ClaimLost:
            log.warning("task_claim_lost")
        finally:
            await journal.close()

    async def _run(
        self, claim: Claim, journal: TaskJournal, signal: CancelSignal, stopping: Callable[[], bool]
    ) -> TaskStatus:
        try:
            context = await self._context(claim, journal, signal, stopping)
            output = await Run(context).run()
        except RunFailed as failure:
            return await self._fail(journal, failure.name, failure.error.message)
        except BackstageError as error:
            return await self._fail(journal, as_name(error), error.message)
        except (ClaimLost, WorkerStopping):
            raise
        except Exception as error:  # noqa: BLE001  # the worker's edge: a task ends whatever happens
            _log.exception("task_broke", task_id=claim.id)
            return await self._fail(journal, "Error", as_backstage_error(error).message)
        body = {"message": "Run completed with status: completed", "output": output}
        await journal.end(TaskStatus.COMPLETED, body, keep_progress=False)
        return TaskStatus.COMPLETED

    async def _fail(self, journal: TaskJournal, name: str, message: str) -> TaskStatus:
        body: JsonObject = {
            "message": "Run completed with status: failed",
            "error": {"name": name, "message": message},
        }
        await journal.end(TaskStatus.FAILED, body, keep_progress=self.keep_progress)
        return TaskStatus.FAILED

    async def _context(
        self, claim: Claim, journal: TaskJournal, signal: CancelSignal, stopping: Callable[[], bool]
    ) -> RunContext:
        if claim.secrets_lost:
            raise BackstageError(_SECRETS_LOST)
        spec = specs.parse(claim.task.spec)
        earlier = await self._earlier_progress(claim)
        workspace = await self._workspace(claim, earlier.steps)
        credentials = initiator.from_secrets(claim.secrets, claim.task.created_by)
        equipment = delegation.equipment_for(self.equipment, credentials)

        def before_step() -> None:
            if stopping():
                raise WorkerStopping

        async def save_checkpoint(key: str, value: Json) -> None:
            await self.checkpoints.save(claim, key, value)

        budget = RunBudget(self.limits)
        return RunContext(
            task_id=claim.id,
            spec=spec,
            journal=journal,
            equipment=equipment,
            renderer=await equipment.renderer(spec, claim.id, budget),
            workspace=Workspace(workspace),
            secrets=claim.secrets,
            signal=signal,
            earlier=earlier,
            before_step=before_step,
            after_step=self._snapshot_taker(claim),
            save_checkpoint=save_checkpoint,
            gate=ActionGate(self.authority, credentials),
            budget=budget,
        )

    async def _earlier_progress(self, claim: Claim) -> EarlierProgress:
        """Return what earlier runs left; a task that is claimed for the first time has none."""
        if claim.number == 1:
            return EarlierProgress()
        steps = await self.store.finished_steps(claim.id)
        return EarlierProgress(steps, await self.checkpoints.load(claim.id))

    async def _workspace(self, claim: Claim, done: Mapping[int, StepResult]) -> Path:
        completed = [position for position, result in done.items() if not result.failed]
        return await self.folders.open(claim.id, behind=max(completed, default=None))

    def _snapshot_taker(self, claim: Claim) -> "SnapshotTaker | None":
        return SnapshotTaker(self.folders, claim.id) if self.folders.keeps_snapshots else None


class SnapshotTaker:
    """Takes a snapshot behind each step, before the step is recorded, and drops the ones that are replaced."""

    def __init__(self, folders: WorkspaceFolders, task_id: str) -> None:
        self._folders = folders
        self._task_id = task_id
        self._taken: list[int] = []

    async def __call__(self, position: int) -> None:
        """Take one. The one before it stays until the next: the step may yet not be recorded."""
        await self._folders.save(self._task_id, position)
        self._taken.append(position)
        old, self._taken = self._taken[:-2], self._taken[-2:]
        await self._folders.prune(self._task_id, old)
