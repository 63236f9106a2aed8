"""``kubernetes:*`` where controllers act and pods run: what comes up, and what is said when it does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import InputError, NotAllowedError
from backstage_py.integrations.kubernetes.waiting import FailedError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.cluster import admission, waiting
from tests.cluster.cluster import KubeCluster


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Task:
    return of(kube, kube.administrator(namespace), tmp_path)


def of(kube: KubeCluster, token: str, folder: Path) -> Task:
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [kube.entry(token)]}]}}
    return Task(folder / "task", Services(config=config))


def deployment(kube: KubeCluster, script: str = "sleep 600", replicas: int = 1, **change: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": kube.postgres_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        **change,
    }
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    }


async def apply(task: Task, namespace: str, *manifest: dict[str, Any], **given: Any) -> Any:
    task.checkpoints.clear()
    return await task.run("kubernetes:apply", {"manifest": list(manifest), "namespace": namespace, **given})


async def test_a_deployment_is_rolled_out_restarted_once_and_taken_away(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    made = await apply(task, namespace, deployment(kube, replicas=2), wait=True)
    assert made.log.messages[0] == f"Deployment/{namespace}/web created"
    assert made.log.messages[-1] == f"Deployment/{namespace}/web: 2 of 2 updated, 2 available"
    assert any("ScalingReplicaSet: Scaled up replica set" in line for line in made.log.messages)
    task.checkpoints.clear()
    given = {"name": "web", "namespace": namespace, "restart": True}
    for _ in range(2):  # the second as after a crash
        result = await task.run("kubernetes:rollout", given)
        assert result.outputs["revision"] == "2"
    task.checkpoints.clear()
    await task.run("kubernetes:delete", {"objects": made.outputs["objects"]})
    assert kube.api.find(f"/apis/apps/v1/namespaces/{namespace}/deployments/web") is None


async def test_a_wait_goes_on_after_a_crash_and_applies_nothing_again(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    given = {"manifest": deployment(kube, "sleep 600"), "namespace": namespace, "wait": True}
    running = asyncio.create_task(task.run("kubernetes:apply", given))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    await asyncio.to_thread(waiting.until, lambda: "applied" in task.checkpoints, "it is applied")
    running.cancel()
    await asyncio.wait([running])
    await asyncio.to_thread(kube.api.patch, path, {"metadata": {"annotations": {"note": "by somebody, meanwhile"}}})
    result = await task.run("kubernetes:apply", given)
    assert not any(line.endswith(("created", "configured")) for line in result.log.messages)
    assert result.log.messages[-1].endswith("1 of 1 updated, 1 available")


async def test_a_crash_loop_is_named_with_the_last_lines_of_the_log(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    crashing = deployment(kube, "echo cannot open /etc/shop.conf; exit 7")
    crashing["spec"]["minReadySeconds"] = 30  # on a busy machine it runs long enough to be taken for ready
    with pytest.raises(FailedError, match=r"pod web-.*, container main: CrashLoopBackOff: .*exit status 7") as failed:
        await apply(task, namespace, crashing, wait=True)
    assert "its last lines:\n  cannot open /etc/shop.conf" in failed.value.message


async def test_an_image_that_is_missing_is_named(task: Task, kube: KubeCluster, namespace: str) -> None:
    missing = deployment(kube, image="registry.invalid/shop:1", imagePullPolicy="Never")
    with pytest.raises(FailedError, match=r"container main: ErrImageNeverPull: .*registry\.invalid/shop:1"):
        await apply(task, namespace, missing, wait=True)


async def test_a_quota_is_named_for_objects_and_for_the_pods_that_they_make(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "0", "configmaps": "1"}},
    }
    await apply(task, namespace, quota)
    status = f"/api/v1/namespaces/{namespace}/resourcequotas/small"
    await asyncio.to_thread(
        waiting.until, lambda: (kube.api.get(status).get("status") or {}).get("used"), "the quota is counted"
    )
    with pytest.raises(FailedError, match=r"Deployment/.*/web has failed: ReplicaFailure=True .*exceeded quota: small"):
        await apply(task, namespace, deployment(kube), wait=True)
    many = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in ("one", "two")]
    with pytest.raises(NotAllowedError, match=r"ConfigMap/.*: refused by small: requested: configmaps=1"):
        await apply(task, namespace, *many)


async def test_what_a_policy_blocks_is_told_by_policy_rule_and_message(
    task: Task, kube: KubeCluster, namespace: str, tmp_path: Path
) -> None:
    message = "validation error: The label `team` is required. rule check-team failed at path /metadata/labels/team/"

    def judge(value: Any) -> str | None:
        if value["kind"] != "ConfigMap" or "team" in (value["metadata"].get("labels") or {}):
            return None
        name = f"ConfigMap/{namespace}/{value['metadata']['name']}"
        return admission.blocked(name, {"require-labels": {"check-team": message}})

    value: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    with admission.webhook(kube.api, kube.host, namespace, judge, tmp_path):
        for dry_run in (True, False):
            task.checkpoints.clear()
            with pytest.raises(InputError, match="refused by require-labels/check-team: validation error: The label"):
                await task.run("kubernetes:apply", {"manifest": value, "namespace": namespace}, dry_run=dry_run)
        await apply(task, namespace, {**value, "metadata": {"name": "a", "labels": {"team": "shop"}}})


async def test_a_namespace_that_the_account_may_not_use_is_named(
    kube: KubeCluster, namespace: str, tmp_path: Path
) -> None:
    rules = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]}
    task = of(kube, kube.account(namespace, rules), tmp_path)
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    await apply(task, namespace, value, wait=True)
    refused = (
        r'Failed to apply ConfigMap/default/a: configmaps "a" is forbidden: User "system:serviceaccount:.*:somebody"'
    )
    with pytest.raises(NotAllowedError, match=refused):
        await apply(task, "default", value)
