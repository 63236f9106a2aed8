"""Waiting for what real controllers and pods do, and what is said when it does not come."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.integrations.kubernetes import api, clusters
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.integrations.kubernetes.waiting import FailedError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.cluster import crds, waiting
from tests.cluster.cluster import KubeCluster

POD = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}}


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Task:
    entry = kube.entry(kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    return Task(tmp_path / "task", Services(config=config))


def job(kube: KubeCluster, namespace: str, script: str, **change: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": kube.postgres_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        **change,
    }
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


async def start(task: Task, value: dict[str, Any]) -> None:
    await task.run("kube:apply", {"manifest": value})
    task.checkpoints.clear()


async def test_a_job_is_waited_for_and_its_changes_are_told(task: Task, kube: KubeCluster, namespace: str) -> None:
    await start(task, job(kube, namespace, "sleep 1; echo done"))
    result = await task.run("kube:job:wait", {"name": "migrate", "namespace": namespace})
    lines = result.log.messages
    assert any("SuccessfulCreate: Created pod: migrate-" in line for line in lines)
    assert lines[-1].startswith(f"Job/{namespace}/migrate: Complete=True")
    gone = await task.run("kube:delete", {"manifest": json.dumps(job(kube, namespace, ""))})
    assert gone.log.messages == [f"Successfully deleted Job/{namespace}/migrate."]
    again = await task.run("kube:delete", {"manifest": json.dumps({**job(kube, namespace, ""), "metadata": {
        "name": "none", "namespace": namespace}})})  # fmt: skip
    assert again.log.messages == [f"Job/{namespace}/none is not there."]


async def test_a_job_that_fails_says_why_with_the_last_lines_of_its_pod(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    await start(task, job(kube, namespace, "echo no such table: orders; exit 3"))
    with pytest.raises(FailedError, match=r"Job/.*/migrate has failed: Failed=True \(BackoffLimitExceeded") as failed:
        await task.run("kube:job:wait", {"name": "migrate", "namespace": namespace})
    assert "container main: exit status 3" in failed.value.message
    assert "no such table: orders" in failed.value.message


@pytest.mark.parametrize("verbs", [["get"], ["get", "list"], ["get", "list", "watch"]])
async def test_who_may_not_watch_looks_again_and_again(
    kube: KubeCluster, namespace: str, tmp_path: Path, verbs: list[str]
) -> None:
    token = kube.account(namespace, {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": verbs})
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [kube.entry(token)]}]}}
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    suspended = {"kind": "Job", "metadata": {"name": "migrate"}, "spec": {"parallelism": 0, "template": POD}}
    kube.api.post(jobs, suspended)
    async with api.connect(clusters.find(config, None), Caller(has_own_token=True)) as somebody:
        assert await somebody.may("get", "batch/v1", "Job", namespace)
        assert not await somebody.may("delete", "batch/v1", "Job", namespace)
    task = Task(tmp_path / "task", Services(config=config))
    looking = asyncio.create_task(task.run("kube:job:wait", {"name": "migrate", "namespace": namespace}))
    await asyncio.sleep(1)
    complete = {"conditions": [{"type": "Complete", "status": "True"}]}
    await asyncio.to_thread(kube.api.patch, f"{jobs}/migrate/status", {"status": complete})
    assert (await looking).log.messages[-1] == f"Job/{namespace}/migrate: Complete=True"


def kind_with(kube: KubeCluster, group: str, kind: str, status: Any) -> str:
    """Make a kind of somebody's own whose status has a schema, or which has none; return its plural."""
    plural, some = f"{kind.lower()}s", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": some, **({"status": status} if status else {})}}
    version = {
        "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }  # fmt: skip
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    crds.create(kube.api, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
    crds.wait_established(kube.api, f"{plural}.{group}")
    return plural


async def test_a_new_object_that_says_nothing_yet_is_not_ready(
    task: Task, kube: KubeCluster, api_group: str, namespace: str
) -> None:
    some = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    conditions = {"type": "object", "properties": {"conditions": {"type": "array", "items": some}}}
    kind_with(kube, api_group, "Note", None)
    told = kind_with(kube, api_group, "Queue", conditions)
    value = {"apiVersion": f"{api_group}/v1", "kind": "Queue", "metadata": {"name": "orders"}, "spec": {}}
    given = {"manifest": [{**value, "kind": "Note"}, value], "namespace": namespace, "wait": True}
    applying = asyncio.create_task(task.run("kubernetes:apply", given))
    path = f"/apis/{api_group}/v1/namespaces/{namespace}/{told}/orders"
    silent = f"Queue/{namespace}/orders: its controller has not said anything about it yet"
    await asyncio.to_thread(waiting.until, lambda: silent in task.log.messages, "nothing is said")
    one = {"type": "Ready", "status": "True", "reason": "Made", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    await asyncio.to_thread(kube.api.patch, f"{path}/status", {"status": {"conditions": [one]}})
    lines = (await applying).log.messages
    assert lines[2:] == [
        f"Note/{namespace}/orders: there", silent, f"Queue/{namespace}/orders: Ready=True (Made)",
    ]  # fmt: skip


async def test_an_image_that_is_missing_ends_the_wait(task: Task, kube: KubeCluster, namespace: str) -> None:
    missing = {"image": "registry.invalid/none:1", "imagePullPolicy": "Never"}
    await start(task, job(kube, namespace, "true", **missing))
    with pytest.raises(FailedError, match=r"container main: ErrImageNeverPull: .*registry\.invalid/none:1"):
        await task.run("kube:job:wait", {"name": "migrate", "namespace": namespace})
