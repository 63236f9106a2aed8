"""An executor on a cluster in which pods really run, as an account that may do what the operators' manifest says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from backstage_py.folders.receiving import Bounds
from backstage_py.http import execution
from backstage_py.integrations.kubernetes import clusters
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.model.json import JsonObject
from backstage_py.model.task import AttemptKey
from backstage_py.plugin import Action, ActionContext
from backstage_py.plugin.folder import ActionFolder
from backstage_py.plugin.registry import ActionRegistry
from backstage_py.scaffolder.executors.choice import RunFacts
from backstage_py.scaffolder.executors.kubernetes.execution import KubernetesExecution
from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor, RunPods
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings
from tests.cluster.cluster import KubeCluster
from tests.execution.pair import Pair
from tests.execution_api.stage import ATTEMPT

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "examples/deploy/kustomize/steps/role.yaml"
_ACTIONS = "actions"


def template() -> dict[str, Any]:
    """What is merged into pods, so that they have the actions of a test."""
    container = {
        "name": "step",
        "env": [{"name": "BACKSTAGE_PY_ACTIONS_FOLDER", "value": "/actions"}],
        "volumeMounts": [{"name": _ACTIONS, "mountPath": "/actions"}],
    }
    return {"spec": {"containers": [container], "volumes": [{"name": _ACTIONS, "configMap": {"name": _ACTIONS}}]}}


@dataclass
class Real:
    """What a test of real pods works with."""

    kube: KubeCluster
    namespace: str
    executor: KubernetesExecutor
    workspace: Path
    actions: dict[str, Action]
    attempts: dict[bool, RunPods] = field(default_factory=dict)
    step: Pair = field(init=False)

    def __post_init__(self) -> None:
        self.step = Pair(self.workspace)

    def start(self, action: str, given: JsonObject | None = None, **more: Any) -> KubernetesExecution:
        context: ActionContext[Any] = replace(self.step.context(given or {}), task_id=ATTEMPT[0])
        return self.run_pods(**more).start(self.actions[action], context)

    def run_pods(self, *, each_step: bool = True) -> RunPods:
        """The pods of the attempt; kept, so that steps may share one."""
        if each_step not in self.attempts:
            facts = RunFacts(ATTEMPT[0], "template:default/service", "user:default/ada", ATTEMPT[1])
            self.attempts[each_step] = self.executor.of_run(facts, each_step=each_step)
        return self.attempts[each_step]

    async def run(self, action: str, given: JsonObject | None = None, **more: Any) -> None:
        """Run a step as the runner does; what it ends with is raised."""
        execution = self.start(action, given, **more)
        try:
            await execution.ended
        finally:
            await execution.close()

    @property
    def log(self) -> list[str]:
        return [message for _, message in self.step.log.entries]

    @property
    def jobs(self) -> list[Any]:
        return self.kube.api.items(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")

    @property
    def pods(self) -> list[Any]:
        return self.kube.api.items(f"/api/v1/namespaces/{self.namespace}/pods")


def settings(kube: KubeCluster, namespace: str, image: str, **changes: Any) -> KubernetesExecutorSettings:
    known = {"image_pull_policy": "Never", "pod_template": template(), "listen_port": 0, "listen_host": kube.host}
    return KubernetesExecutorSettings(
        namespace=namespace, image=image, url=f"http://{kube.host}:$PORT", **{**known, **changes}
    )


def connection(kube: KubeCluster, token: str) -> Connection:
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [kube.entry(token)]}]}}
    return Connection(clusters.find(config, None))


def prepare(kube: KubeCluster, source: Path) -> tuple[str, str]:
    """Make a namespace with the actions of a file, and return it with a token that may run steps there."""
    namespace = kube.new_namespace("steps")
    files = {source.name: source.read_text(encoding="utf-8")}
    kube.api.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": _ACTIONS}, "data": files})
    token = kube.account(namespace, *yaml.safe_load(ROLE.read_text())["rules"], name="service")
    return namespace, token


@asynccontextmanager
async def opened(kube: KubeCluster, image: str, folder: Path, source: Path, **changes: Any) -> AsyncIterator[Real]:
    """Open it in a namespace of its own, until the block is left."""
    namespace, token = prepare(kube, source)
    asked = settings(kube, namespace, image, **changes)

    async def is_current(attempt: AttemptKey) -> bool:
        return attempt == ATTEMPT

    executor = KubernetesExecutor(asked, lambda: connection(kube, token), is_current, Bounds(10**9, 100_000), True)
    found = Real(kube, namespace, executor, folder / "workspace", _actions(source))
    found.workspace.mkdir()
    async with execution.listening(executor), executor.running():
        try:
            yield found
        finally:
            kube.remove(namespace)


def _actions(source: Path) -> dict[str, Action]:
    registry = ActionRegistry()
    looked = ActionFolder(source.parent).reload(registry)
    assert not looked.problems, looked.problems
    return {one.id: one for one in registry}
