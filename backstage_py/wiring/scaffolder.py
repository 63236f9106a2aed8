"""The scaffolder's parts put together for one database: the service, a worker, the janitor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from backstage_py import threads
from backstage_py.disk import Quota
from backstage_py.permissions.authority import Authority
from backstage_py.plugin import ActionRegistry, Services
from backstage_py.scaffolder.executors.choice import KUBERNETES, PROCESS, Executors, Kind
from backstage_py.scaffolder.executors.loop_watch import LoopWatch
from backstage_py.scaffolder.executors.process.executor import ProcessExecutor
from backstage_py.scaffolder.face.authorized import AuthorizedScaffolder
from backstage_py.scaffolder.face.autocomplete import AutocompleteHandler
from backstage_py.scaffolder.face.events import TaskEvents
from backstage_py.scaffolder.face.service import ScaffolderService
from backstage_py.scaffolder.queue.attempt import Attempts
from backstage_py.scaffolder.queue.janitor import Janitor
from backstage_py.scaffolder.queue.recovery import Recovery
from backstage_py.scaffolder.queue.worker import Worker
from backstage_py.scaffolder.queue.working_directory import prepare
from backstage_py.scaffolder.queue.workspaces import WorkspaceFolders
from backstage_py.scaffolder.run.equipment import Equipment
from backstage_py.scaffolder.run.rendering import Environment
from backstage_py.scaffolder.snapshots.archives import Archives
from backstage_py.scaffolder.snapshots.providers import outside_of
from backstage_py.scaffolder.snapshots.snapshots import Snapshots
from backstage_py.scaffolder.snapshots.store import SnapshotStore
from backstage_py.settings.sections import QuotaSettings, ScaffolderSettings
from backstage_py.storage.database import Database
from backstage_py.storage.scaffolder.checkpoints import CheckpointStore
from backstage_py.storage.scaffolder.claims import ClaimStore
from backstage_py.storage.scaffolder.events import EventFeed
from backstage_py.storage.scaffolder.secrets import SecretBox
from backstage_py.storage.scaffolder.snapshots import SnapshotTable
from backstage_py.storage.scaffolder.tasks import TaskStore
from backstage_py.storage.scaffolder.upkeep import TaskUpkeep
from backstage_py.storage.scaffolder.workspaces import WorkspaceTable
from backstage_py.wiring import executors


async def nothing() -> None:
    """Do nothing."""


class Scaffolder:
    """What a process of ours runs of the scaffolder.

    Args:
        database: open, with current tables.
        registry: the actions.
        settings: the section ``scaffolder``.
        services: what actions may use.
        box: seals what is secret at rest.
        working_directory: where tasks have their folders.
        autocompletes: by provider.
        authority: says what callers may do; by default users may do everything, as without ``permission.enabled``.
        worker_limit: how many tasks run at once in this process; the setting by default, 0 for none.
        before_removal: is done before old tasks are removed.

    Raises:
        SettingsError: the workspace provider is set wrong.
    """

    def __init__(
        self,
        database: Database,
        registry: ActionRegistry,
        settings: ScaffolderSettings,
        services: Services,
        box: SecretBox,
        *,
        working_directory: Path,
        autocompletes: Mapping[str, AutocompleteHandler] | None = None,
        authority: Authority | None = None,
        worker_limit: int | None = None,
        before_removal: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        authority = authority or Authority()
        working_directory = working_directory.resolve()
        prepare(working_directory)
        feed = EventFeed()
        claims = ClaimStore(database, box, feed)
        snapshots = _snapshots(settings, database, box)
        folders = WorkspaceFolders(working_directory)
        quota = _quota(settings.quotas, database)
        self._process = ProcessExecutor(
            settings.executor.process, settings.actions_folder, reloads=settings.reload_actions
        )
        self.pods = executors.kubernetes(settings, services, claims.is_current)
        kinds: dict[str, Kind] = {PROCESS: self._process, **({KUBERNETES: self.pods} if self.pods else {})}
        self.executors = Executors(settings.executor, kinds, registry.is_loaded, services.catalog)
        environment = Environment.of(settings.default_environment)
        equipment = Equipment(registry, services, environment, quota, executors=self.executors)
        resumes = settings.recovery.enabled and snapshots is not None
        upkeep = TaskUpkeep(database, feed)
        recovery = Recovery(upkeep, settings.recovery, working_directory, settings.task_timeout)
        self.service = ScaffolderService(
            store=TaskStore(database, box, feed),
            events=TaskEvents(database, feed),
            equipment=equipment,
            working_directory=working_directory,
            resume_on_retry=resumes,
            autocompletes=autocompletes or {},
            limits=settings.limits,
        )
        self.authorized = AuthorizedScaffolder(self.service, authority)
        self.worker = Worker(
            store=claims,
            wakes=database.wakes,
            attempts=Attempts(
                store=claims,
                checkpoints=CheckpointStore(database, box),
                folders=folders,
                equipment=equipment,
                snapshots=snapshots,
                keep_progress=resumes,
                log_limit=settings.log_limit_bytes,
                authority=authority,
                limits=settings.limits,
                audited_length=settings.audited_length,
            ),
            recovery=recovery,
            limit=settings.concurrent_tasks_limit if worker_limit is None else worker_limit,
            working_directory=working_directory,
            keep_secrets=settings.recovery.enabled,
        )
        self.janitor = Janitor(
            upkeep,
            recovery,
            folders,
            snapshots.store if snapshots else None,
            before_removal=before_removal,
            retention=settings.retention,
            frequency=settings.task_timeout_janitor_frequency,
        )
        self._watch = LoopWatch()
        self._grace = settings.shutdown_timeout

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run tasks and clean up until the block is left, then stop in good order; see ``Worker.running``."""
        asyncio.get_running_loop().set_default_executor(threads.Executor())
        try:
            async with (
                self.pods.running() if self.pods else nullcontext(),
                self.worker.running(self._grace),
                self.janitor.running(),
                self._watch.running(),
            ):
                yield
        finally:
            await self._process.close()


def _snapshots(settings: ScaffolderSettings, database: Database, box: SecretBox) -> Snapshots | None:
    outside = outside_of(settings.workspace_serialization, settings.options.get("taskRecovery") or {})
    if settings.workspace_serialization is None:
        return None
    store = SnapshotStore(SnapshotTable(database), box, outside)
    largest = settings.quotas.snapshot_bytes
    return Snapshots(store, Archives(WorkspaceTable(database, box), outside, largest), largest)


def _quota(settings: QuotaSettings, database: Database) -> Quota:
    beside = (database.path.parent,) if database.path else ()
    return Quota(settings.workspace_bytes, settings.workspace_files, settings.free_disk_bytes, beside)
