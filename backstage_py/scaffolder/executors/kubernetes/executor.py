"""Runs actions in pods: what the service starts, stops and asks of this folder."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import structlog

from backstage_py import background
from backstage_py.errors import BackstageError, SettingsError
from backstage_py.folders.receiving import Bounds
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import Action, ActionContext
from backstage_py.plugin.services import CatalogClient
from backstage_py.scaffolder.executors.choice import RunFacts, recorded
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes.depots import Depots
from backstage_py.scaffolder.executors.kubernetes.execution import Asked, KubernetesExecution
from backstage_py.scaffolder.executors.kubernetes.fleet import Fleet
from backstage_py.scaffolder.executors.kubernetes.job import Call
from backstage_py.scaffolder.executors.kubernetes.pod import Surroundings
from backstage_py.scaffolder.executors.kubernetes.pods import Pods
from backstage_py.scaffolder.executors.kubernetes.pool import Pool
from backstage_py.scaffolder.executors.kubernetes.sessions import Sessions
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings

_KEY = "scaffolder.executor.kubernetes"
_SWEEP = 3600.0  # seconds between two looks at what others have left in the bucket
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class KubernetesExecutor:
    """Pods for the attempts of this process; to be run.

    Attributes:
        settings: what pods are like.
        open: opens a connection to the cluster; blocks.
        is_current: says whether an attempt still has its task.
        bounds: of workspaces.
        resumes: a step that has begun may begin again, since ``taskRecovery`` is on.
        sessions: what the execution API answers for.
        catalog: says who owns a template.
    """

    settings: KubernetesExecutorSettings
    open: Callable[[], Connection]
    is_current: Callable[[AttemptKey], Awaitable[bool]]
    bounds: Bounds
    resumes: bool
    sessions: Sessions = field(default_factory=Sessions)
    catalog: CatalogClient | None = None
    _around: Surroundings = field(init=False)
    _pool: Pool = field(init=False)
    _depots: Depots | None = field(init=False)
    _attempts: WeakValueDictionary[AttemptKey, Pods] = field(default_factory=WeakValueDictionary)

    def __post_init__(self) -> None:
        if not (self.settings.image or self.settings.images):
            raise SettingsError(f"{_KEY}.image", "is missing; give the image of the pods, with backstage-py in it")
        fleet = Fleet(self.settings, self.open, self.is_current)
        self._around = Surroundings(self.settings, fleet, self.sessions)
        self._pool = Pool(self._around)
        bucket = self.settings.bucket
        self._depots = Depots(bucket, self.settings.owner) if bucket else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the cluster until the block is left, and leave nothing there that this process began."""
        async with self._around.fleet.running():
            try:
                sweeps = background.supervised("kubernetes.bucket", self._sweep_now_and_then)
                async with background.running(self._pool.keep(), sweeps, name="kubernetes.pool"):
                    yield
            finally:
                await self._around.settled()

    @property
    def fleet(self) -> Fleet:
        """Its Jobs."""
        return self._around.fleet

    @property
    def has_warm_pod(self) -> bool:
        """Whether a pod waits that has started and loaded its plugins."""
        return self._pool.ready > 0

    def reached_at(self, url: str) -> None:
        """Take note of where pods find the execution API."""
        self._around.url = url

    def of_run(self, facts: RunFacts, *, each_step: bool) -> "RunPods":
        """Return the executor of one attempt."""
        return RunPods(self, facts, each_step)

    def pods_of(self, attempt: AttemptKey) -> Pods:
        """Return the pods of an attempt; what earlier ones left in the cluster is deleted."""
        found = self._attempts.get(attempt)
        if found is None:
            depot = self._depots.of(attempt) if self._depots else None
            found = self._attempts[attempt] = Pods(self._around, self.bounds, self.resumes, self._pool, depot)
            if attempt[1] > 1:
                self._around.later(self.fleet.delete_older(*attempt))
        return found

    async def _sweep_now_and_then(self) -> None:
        while self._depots:
            try:
                if swept := await self._depots.sweep(self.is_current):
                    _log.info("bucket_swept", attempts=swept)
            except BackstageError as error:
                _log.warning("bucket_not_swept", problem=error.message)
            await asyncio.sleep(_SWEEP)


class RunPods:
    """The pods of one attempt at a task."""

    def __init__(self, of: KubernetesExecutor, facts: RunFacts, each_step: bool) -> None:  # noqa: FBT001  # the scope
        if facts.claim is None:
            raise ValueError("only attempts at tasks have pods")
        self._settings = of.settings
        self._catalog = of.catalog
        self._facts = facts
        self._attempt: AttemptKey = (facts.task_id, facts.claim)
        self._each_step = each_step
        self._pods = of.pods_of(self._attempt)

    def start(self, action: Action, context: ActionContext[Any]) -> KubernetesExecution:
        """Run an action in a pod.

        Raises:
            SettingsError: no image is configured for it.
        """
        self._pods.number += 1
        call = Call(
            *self._attempt,
            self._pods.number,
            action.id,
            context.step.id,
            self._facts.template_ref,
            (),
            self._facts.user_ref,
            action.timeout if self._each_step else None,
        )
        image = jobs.image_of(call, self._settings)
        if not image:
            raise SettingsError(f"{_KEY}.images", f"has no image for {action.id}; add one, or set {_KEY}.image")
        return KubernetesExecution(
            Asked(action, context, call, self._pods, self._owners, "" if self._each_step else image)
        )

    async def close(self) -> None:
        """End what is kept; the attempt is over."""
        self._pods.end()

    async def _owners(self) -> Sequence[str]:
        """Return the owners of the template, for whoever looks at the cluster; none where nobody can say."""
        try:
            return (await recorded(self._catalog, self._facts.template_ref)).owners
        except BackstageError:
            return ()
