"""An executor of pods on a real API server, and steps for it."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backstage_py.folders.receiving import Bounds
from backstage_py.http import execution
from backstage_py.integrations.kubernetes import clusters
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.model.json import JsonObject
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import Action, ActionContext, Services
from backstage_py.scaffolder.executors.choice import RunFacts
from backstage_py.scaffolder.executors.kubernetes.execution import KubernetesExecution
from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor, RunPods
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings
from tests.execution.pair import Pair
from tests.execution_api.kubelet import Kubelet, playing
from tests.integrations.kube_server import Parts

ATTEMPT: AttemptKey = ("6c0ffee0-1111-4222-8333-444444444444", 1)


@dataclass
class Stage:
    """What a test of pods works with.

    Attributes:
        current: the attempts that the database would know.
    """

    parts: Parts
    kubelet: Kubelet
    executor: KubernetesExecutor
    workspace: Path
    current: set[AttemptKey] = field(default_factory=lambda: {ATTEMPT})
    services: Services = field(default_factory=Services)
    secrets: dict[str, str] = field(default_factory=dict)
    attempts: dict[AttemptKey, RunPods] = field(default_factory=dict)
    step: Pair = field(init=False)

    def __post_init__(self) -> None:
        self.step = Pair(self.workspace)

    def context(self, given: JsonObject | None = None) -> ActionContext[Any]:
        self.step.services, self.step.secrets = self.services, self.secrets
        return replace(self.step.context(given or {}), task_id=ATTEMPT[0])

    def start(
        self, action: Action, given: JsonObject | None = None, attempt: AttemptKey = ATTEMPT
    ) -> KubernetesExecution:
        self.kubelet.actions = {**self.kubelet.actions, action.id: action}
        facts = RunFacts(attempt[0], "template:default/service", "user:default/ada", attempt[1])
        pods = self.attempts.setdefault(attempt, self.executor.of_run(facts, each_step=True))
        return pods.start(action, self.context(given))

    async def run(self, action: Action, given: JsonObject | None = None, attempt: AttemptKey = ATTEMPT) -> None:
        """Run a step as the runner does; what it ends with is raised."""
        execution = self.start(action, given, attempt)
        try:
            await execution.ended
        finally:
            await execution.close()

    @property
    def log(self) -> list[str]:
        return [message for _, message in self.step.log.entries]


@asynccontextmanager
async def opened(
    parts: Parts,
    kubelet: Kubelet,
    workspace: Path,
    *,
    resumes: bool = True,
    token: str | None = None,
    through: Callable[[Connection], Connection] = lambda real: real,
    **changes: Any,
) -> AsyncIterator[Stage]:
    """Open the executor and its API until the block is left; it calls the cluster ``through`` what a test gives."""
    settings = KubernetesExecutorSettings(
        namespace=kubelet.namespace,
        image="registry.example/steps:1",
        listen_host="127.0.0.1",
        listen_port=0,
        url="http://127.0.0.1:$PORT",
        **changes,
    )

    def connect() -> Connection:
        config = {
            "kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [parts.server.entry(token=token)]}]}
        }
        return through(Connection(clusters.find(config, None)))

    async def is_current(attempt: AttemptKey) -> bool:
        return attempt in found.current

    executor = KubernetesExecutor(settings, connect, is_current, Bounds(10_000_000, 1_000), resumes)
    found = Stage(parts, kubelet, executor, workspace)
    async with (
        execution.listening(executor),
        executor.running(),
    ):
        yield found


@asynccontextmanager
async def on_its_own(parts: Parts, folder: Path, **changes: Any) -> AsyncIterator[tuple[Kubelet, Stage]]:
    """Open one in a namespace of its own."""
    namespace = f"steps-{secrets.token_hex(4)}"
    parts.server.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    for name in ("pods", "workspace"):
        (folder / name).mkdir()
    with playing(parts.server.api, namespace, folder / "pods") as kubelet:
        async with opened(parts, kubelet, folder / "workspace", **changes) as found:
            yield kubelet, found
