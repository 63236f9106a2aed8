"""Runs actions in pods: what the service starts, stops and asks of this folder."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from backstage_py.errors import SettingsError
from backstage_py.folders.receiving import Bounds
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import Action, ActionContext
from backstage_py.scaffolder.executors.kubernetes import job as jobs
from backstage_py.scaffolder.executors.kubernetes.execution import Asked, KubernetesExecution
from backstage_py.scaffolder.executors.kubernetes.fleet import Fleet
from backstage_py.scaffolder.executors.kubernetes.job import Call
from backstage_py.scaffolder.executors.kubernetes.pod import Surroundings
from backstage_py.scaffolder.executors.kubernetes.pods import Pods
from backstage_py.scaffolder.executors.kubernetes.sessions import Sessions
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings

_KEY = "scaffolder.executor.kubernetes"


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
    """

    settings: KubernetesExecutorSettings
    open: Callable[[], Connection]
    is_current: Callable[[AttemptKey], Awaitable[bool]]
    bounds: Bounds
    resumes: bool
    sessions: Sessions = field(default_factory=Sessions)
    _around: Surroundings = field(init=False)
    _attempts: dict[AttemptKey, Pods] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.settings.image or self.settings.images):
            raise SettingsError(f"{_KEY}.image", "is missing; give the image of the pods, with backstage-py in it")
        fleet = Fleet(self.settings, self.open, self.is_current)
        self._around = Surroundings(self.settings, fleet, self.sessions)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the cluster until the block is left, and leave nothing there that this process began."""
        async with self._around.fleet.running():
            try:
                yield
            finally:
                await self._around.settled()

    @property
    def fleet(self) -> Fleet:
        """Its Jobs."""
        return self._around.fleet

    def reached_at(self, url: str) -> None:
        """Take note of where pods find the execution API."""
        self._around.url = url

    def start(
        self,
        action: Action,
        context: ActionContext[Any],
        attempt: AttemptKey,
        *,
        owners: Sequence[str] = (),
        one_pod: bool = False,
    ) -> KubernetesExecution:
        """Run an action in a pod.

        Args:
            action: what is run.
            context: of its step.
            attempt: at the task.
            owners: of the template, as the catalog knows them.
            one_pod: the steps of the task share one.

        Raises:
            SettingsError: no image is configured for it.
        """
        pods = self._pods(attempt)
        pods.number += 1
        info = context.template_info
        call = Call(
            *attempt,
            pods.number,
            action.id,
            context.step.id,
            info.entity_ref if info else None,
            owners,
            context.user.ref,
            action.timeout if not one_pod else None,
        )
        image = jobs.image_of(call, self.settings)
        if not image:
            raise SettingsError(f"{_KEY}.images", f"has no image for {action.id}; add one, or set {_KEY}.image")
        return KubernetesExecution(Asked(action, context, call, pods, image if one_pod else ""))

    def over(self, attempt: AttemptKey) -> None:
        """End what an attempt keeps; it is over."""
        if pods := self._attempts.pop(attempt, None):
            pods.end()

    def _pods(self, attempt: AttemptKey) -> Pods:
        pods = self._attempts.get(attempt)
        if pods is None:
            pods = self._attempts[attempt] = Pods(self._around, self.bounds, self.resumes)
            if attempt[1] > 1:
                self._around.later(self._around.fleet.delete_older(*attempt))
        return pods
