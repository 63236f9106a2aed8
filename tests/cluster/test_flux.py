"""``flux:kustomization:create``, ``flux:helmrelease:create`` and ``flux:wait`` on a real cluster."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import InputError
from backstage_py.integrations.kubernetes.waiting import FailedError, WaitedInVainError
from backstage_py.plugin import Services
from tests.actions.harness import Result, Task
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers.argocd import commit_of
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.flux import Kustomizations, Releases, Sources

COMMIT = commit_of("flux")
REVISION = f"main@sha1:{COMMIT}"


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Task:
    kube.load_crds("flux")
    entry = kube.entry(kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    return Task(tmp_path / "task", Services(config=config))


async def create(task: Task, namespace: str, *, dry_run: bool = False, **more: Any) -> Result:
    given = {"name": "shop", "namespace": namespace, "repoUrl": "https://github.com/acme/shop", "path": "./deploy"}
    return await task.run("flux:kustomization:create", given | more, dry_run=dry_run)


async def wait(task: Task, namespace: str, **more: Any) -> Result:
    return await task.run("flux:wait", {"name": "shop", "namespace": namespace, "timeoutSeconds": 120} | more)


async def test_a_folder_of_a_repository_is_applied_and_waited_for(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    sources = Sources(kube.api, namespace, revision=REVISION)
    with sources, Kustomizations(kube.api, namespace, manifests=lambda _: [(place, value)]):
        made = await create(task, namespace, targetNamespace=namespace, wait=True)
        assert [one["kind"] for one in made.outputs["objects"]] == ["GitRepository", "Kustomization"]
        assert kube.api.get(place)["data"] == {"a": "b"}
        again = await create(task, namespace, targetNamespace=namespace)
        assert [line.rpartition(" ")[2] for line in again.log.messages] == ["unchanged", "unchanged"]
        done = await wait(task, namespace, revision=COMMIT[:7])
        assert done.outputs["revision"] == REVISION
        assert done.log.messages[-1].endswith(f"(ReconciliationSucceeded: Applied revision: {REVISION})")
        task.forget()
        with pytest.raises(WaitedInVainError, match="not yet at 0123456"):
            await wait(task, namespace, revision="0123456789", timeoutSeconds=5)
        kinds = "/apis/{}.toolkit.fluxcd.io/v1/namespaces/" + namespace
        kube.api.delete(f"{kinds.format('kustomize')}/kustomizations/shop")
        kube.api.delete(f"{kinds.format('source')}/gitrepositories/shop")


async def test_a_source_that_cannot_be_read_is_named(task: Task, kube: KubeCluster, namespace: str) -> None:
    how = Behaviour(refused="authentication required")
    with Sources(kube.api, namespace, revision=REVISION, behaviour=how), Kustomizations(kube.api, namespace):
        await create(task, namespace)
        says = f"ArtifactFailed.*GitRepository/{namespace}/shop: .*authentication required"
        with pytest.raises(FailedError, match=says):
            await wait(task, namespace, failingSeconds=1)


async def test_a_resource_that_does_not_come_up_is_named(task: Task, kube: KubeCluster, namespace: str) -> None:
    how = Behaviour(broken=("Deployment/shop/web", "Failed"))
    sources = Sources(kube.api, namespace, revision=REVISION)
    with sources, Kustomizations(kube.api, namespace, behaviour=how):
        await create(task, namespace)
        with pytest.raises(FailedError, match=r"HealthCheckFailed: .*\[Deployment/shop/web status: 'Failed'\]"):
            await wait(task, namespace, failingSeconds=1)
        how.broken = None
        task.forget()
        await wait(task, namespace, revision=REVISION)


async def test_a_chart_is_installed(task: Task, kube: KubeCluster, namespace: str) -> None:
    given = {
        "name": "cache",
        "namespace": namespace,
        "repoUrl": "oci://registry.example.com/charts",
        "chart": "redis",
        "version": "20.1.0",
        "values": {"replica": {"replicaCount": 1}},
    }
    how = Behaviour()
    with Releases(kube.api, namespace, behaviour=how):
        made = await task.run("flux:helmrelease:create", {**given, "wait": True})
        assert made.outputs["manifests"][0]["spec"]["type"] == "oci"
        cache = {"kind": "HelmRelease", "name": "cache"}
        done = await wait(task, namespace, **cache, revision="20.1.0")
        assert done.outputs["revision"] == "20.1.0"
        how.refused = "no such image"
        task.forget()
        with pytest.raises(FailedError, match=r"Stalled=True \(RetriesExceeded: .*no such image\)"):
            await wait(task, namespace, **cache)


async def test_objects_can_go_into_the_workspace_and_a_dry_run_makes_none(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    given = {"name": "shop", "namespace": namespace, "source": {"name": "fleet", "namespace": "flux-system"}}
    await task.run("flux:kustomization:create", {**given, "manifestPath": "flux/shop.yaml"})
    assert b"kind: GitRepository\n    name: fleet\n    namespace: flux-system" in task.tree()["flux/shop.yaml"]
    said = (await create(task, namespace, dry_run=True)).log.messages
    assert f"Kustomization/{namespace}/shop would be created" in said
    assert not kube.api.items(f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations")


async def test_a_source_is_given_or_made(task: Task, namespace: str) -> None:
    with pytest.raises(InputError, match="Give 'source', one that is there, or 'repoUrl'"):
        await task.run("flux:kustomization:create", {"name": "shop", "namespace": namespace})
