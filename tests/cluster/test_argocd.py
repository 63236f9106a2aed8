"""``argocd:application:create``, ``argocd:wait``, ``argocd:sync`` and ``argocd:delete`` on a real cluster."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ConflictError, InputError, NotAllowedError, SettingsError
from backstage_py.integrations.kubernetes.waiting import FailedError, WaitedInVainError
from backstage_py.plugin import Services
from tests.actions.harness import Result, Task
from tests.cluster import argocd_server
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers.argocd import Applications, commit_of
from tests.cluster.reconcilers.behaviour import Behaviour

MAIN = commit_of("main")


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Iterator[Task]:
    kube.load_crds("argo-cd")
    entry = kube.entry(kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    yield Task(tmp_path / "task", Services(config=config))
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
    for one in kube.api.items(path):  # nobody is there any more who would take it away
        kube.api.patch(f"{path}/{one['metadata']['name']}", {"metadata": {"finalizers": None}})


def settings(namespace: str) -> tuple[str, dict[str, Any]]:
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    return f"/api/v1/namespaces/{namespace}/configmaps/settings", value


async def create(task: Task, namespace: str, *, dry_run: bool = False, **more: Any) -> Result:
    given = {
        "name": "shop",
        "namespace": namespace,
        "repoUrl": "https://github.com/acme/shop",
        "path": "deploy",
        "targetRevision": "main",
        "destinationNamespace": namespace,
    }
    return await task.run("argocd:application:create", given | more, dry_run=dry_run)


async def wait(task: Task, namespace: str, **more: Any) -> Result:
    given = {"name": "shop", "namespace": namespace, "timeoutSeconds": 120}
    return await task.run("argocd:wait", given | more)


async def test_an_application_is_created_waited_for_and_deleted_with_what_it_deployed(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    place, value = settings(namespace)
    how = Behaviour(slow=1, flaps=1)
    with Applications(kube.api, namespace, manifests=lambda _: [(place, value)], behaviour=how) as argo:
        made = await create(task, namespace, project="shop", createProject=True)
        assert made.log.messages == [f"AppProject/{namespace}/shop created", f"Application/{namespace}/shop created"]
        assert made.outputs["application"]["uid"]
        again = await create(task, namespace, project="shop", createProject=True)
        assert again.log.messages[0] == f"AppProject/{namespace}/shop is there already and stays as it is"
        assert again.outputs["application"] == made.outputs["application"]
        done = await wait(task, namespace, revision=MAIN[:8])
        assert done.outputs["revision"] == MAIN
        assert (done.outputs["sync"], done.outputs["health"]) == ("Synced", "Healthy")
        assert [one["name"] for one in done.outputs["resources"]] == ["settings"]
        assert done.log.messages[-1] == f"Application/{namespace}/shop: Synced at {MAIN[:7]}, Healthy"
        assert any("Progressing" in line for line in done.log.messages)
        gone = await task.run("argocd:delete", {"name": "shop", "namespace": namespace})
        assert gone.outputs["deleted"] is True
        assert kube.api.find(f"{argo.path}/shop") is None
    assert kube.api.find(place) is None
    again = await task.run("argocd:delete", {"name": "shop", "namespace": namespace})
    assert again.outputs["deleted"] is False


async def test_what_was_deployed_can_stay(task: Task, kube: KubeCluster, namespace: str) -> None:
    place, value = settings(namespace)
    with Applications(kube.api, namespace, manifests=lambda _: [(place, value)]):
        await create(task, namespace)
        await wait(task, namespace)
        await task.run("argocd:delete", {"name": "shop", "namespace": namespace, "cascade": False})
    assert kube.api.get(place)["data"] == {"a": "b"}


@pytest.mark.parametrize("lies", [False, True])
async def test_a_resource_that_stays_degraded_ends_the_wait_by_name(
    task: Task, kube: KubeCluster, namespace: str, lies: bool
) -> None:
    how = Behaviour(broken=("Deployment/web", "exceeded its progress deadline"), lies=lies)
    with Applications(kube.api, namespace, behaviour=how):
        await create(task, namespace)
        with pytest.raises(FailedError, match="Deployment/web is Degraded: exceeded its progress deadline"):
            await wait(task, namespace, degradedSeconds=1)


async def test_a_sync_that_fails_ends_the_wait_with_what_was_refused(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    with Applications(kube.api, namespace, behaviour=Behaviour(refused="quota exceeded")):
        await create(task, namespace)
        with pytest.raises(FailedError, match=r"sync failed: .*Deployment/x/web: quota exceeded"):
            await wait(task, namespace)


async def test_a_revision_that_does_not_come_is_waited_for_in_vain(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    with Applications(kube.api, namespace):
        await create(task, namespace)
        await wait(task, namespace)
        task.forget()
        with pytest.raises(WaitedInVainError, match=f"Synced at {MAIN[:7]}, not yet at abcdef0"):
            await wait(task, namespace, revision="abcdef0123", timeoutSeconds=2)


async def test_a_sync_is_asked_for_once_by_a_step(task: Task, kube: KubeCluster, namespace: str) -> None:
    asked: list[Any] = []
    place, value = settings(namespace)

    def manifests(app: Any) -> list[tuple[str, Any]]:
        state = (app.get("status") or {}).get("operationState") or {}
        if state.get("startedAt") and state["phase"] == "Running":
            asked.append(state["operation"])
        return [(place, value)]

    with Applications(kube.api, namespace, manifests=manifests):
        await create(task, namespace, syncPolicy={})
        given = {"name": "shop", "namespace": namespace, "revision": MAIN, "prune": True}
        first = await task.run("argocd:sync", given)
        assert first.outputs["revision"] == MAIN
        task.checkpoints.clear()
        again = await task.run("argocd:sync", given)
        assert again.outputs == first.outputs
        assert not any("asked for a sync" in line for line in again.log.messages)
        await wait(task, namespace, revision=MAIN)
    assert len({str(one["info"]) for one in asked}) == 1
    assert asked[0]["sync"]["prune"] is True


async def test_another_application_of_the_name_is_left_alone(task: Task, kube: KubeCluster, namespace: str) -> None:
    await create(task, namespace)
    with pytest.raises(ConflictError, match=r"acme/shop deploy; choose another name"):
        await create(task, namespace, path="other")
    await create(task, namespace, path="other", update=True)
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications/shop"
    assert (await asyncio.to_thread(kube.api.get, path))["spec"]["source"]["path"] == "other"
    kube.api.patch(path, {"metadata": {"finalizers": None}})


async def test_a_dry_run_shows_what_would_be_and_makes_nothing(task: Task, kube: KubeCluster, namespace: str) -> None:
    said = (await create(task, namespace, dry_run=True)).log.messages
    assert said[0] == f"Application/{namespace}/shop would be created"
    assert any("repoURL: https://github.com/acme/shop" in line for line in said)
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
    assert not kube.api.items(path)
    kept = await create(task, namespace, manifestPath="apps/shop.yaml")
    assert b"kind: Application" in task.tree()["apps/shop.yaml"]
    assert "application" in kept.outputs
    assert not kube.api.items(path)


async def test_an_argo_cd_is_waited_for_synced_and_deleted_by_its_api(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    place, value = settings(namespace)
    named = {"name": "shop", "namespace": namespace, "argoInstance": "main"}
    with (
        argocd_server.serve(kube.api, namespace) as server,
        Applications(kube.api, namespace, manifests=lambda _: [(place, value)], behaviour=Behaviour(slow=1)) as argo,
    ):
        await create(task, namespace, syncPolicy={})
        task.configured(**server.config(allow=[{"projects": ["default"], "namespaces": [namespace]}]))
        assert (await task.run("argocd:sync", named, dry_run=True)).log.messages == [
            f"Application/{namespace}/shop would be synced"
        ]
        first = await task.run("argocd:sync", {**named, "revision": MAIN})
        task.checkpoints.clear()
        again = await task.run("argocd:sync", {**named, "revision": MAIN})
        assert (first.outputs, again.outputs) == ({"revision": MAIN}, {"revision": MAIN})
        syncs = [one for one in server.http.requests if one.path.endswith("/sync")]
        assert (len(syncs), syncs[0].json["revision"]) == (1, MAIN)
        done = await task.run("argocd:wait", {**named, "revision": MAIN, "timeoutSeconds": 60})
        assert (done.outputs["sync"], done.outputs["health"], done.outputs["revision"]) == ("Synced", "Healthy", MAIN)
        assert any(one.query.get("refresh") == "normal" for one in server.http.requests)
        gone = await task.run("argocd:delete", {**named, "timeoutSeconds": 60})
        assert (gone.outputs["deleted"], kube.api.find(f"{argo.path}/shop")) == (True, None)
        again = await task.run("argocd:delete", {**named, "project": "default"})
        assert (again.outputs["deleted"], kube.api.find(place)) == (False, None)
        with pytest.raises(NotAllowedError, match=r"refused the application: permission denied; .* name its 'project'"):
            await task.run("argocd:delete", named)


async def test_the_api_of_an_argo_cd_is_open_as_far_as_the_operator_says(
    task: Task, kube: KubeCluster, namespace: str
) -> None:
    await create(task, namespace, syncPolicy={})
    named = {"name": "shop", "namespace": namespace, "argoInstance": "main"}
    made = {"name": "shop", "argoInstance": "main", "repoUrl": "https://x", "path": "y", "destinationNamespace": "z"}
    with argocd_server.serve(kube.api, namespace) as server:
        task.configured(**server.config())
        for action in ("argocd:wait", "argocd:sync", "argocd:delete"):
            with pytest.raises(NotAllowedError, match=r"Argo CD 'main' is not open to templates: .* add 'allow' to it"):
                await task.run(action, named)
        assert server.http.requests == []
        for rule in ({"projects": ["team-*"]}, {"projects": ["*"], "namespaces": ["other"]},
                     {"projects": ["*"], "sources": ["https://elsewhere/*"]}):  # fmt: skip
            task.configured(**server.config(allow=[rule]))
            for action, given in (("argocd:delete", named), ("argocd:application:create", made)):
                with pytest.raises(NotAllowedError, match="may not use the project 'default' with the namespace"):
                    await task.run(action, given)
        assert {one.method for one in server.http.requests} == {"GET"}
        task.configured(**server.config(allow=[], token="wrong"))
        with pytest.raises(NotAllowedError, match="permission denied"):
            await task.run("argocd:wait", named | {"token": "their-own"})
        task.configured(**server.config(allow=[{"project": ["*"]}]))
        with pytest.raises(SettingsError, match=r"allow\[0\].*it has 'project'"):
            await task.run("argocd:wait", named)
        with pytest.raises(InputError, match="not both"):
            await task.run("argocd:wait", named | {"clusterName": "dev"})


async def test_applications_are_made_only_where_the_operator_lets_them(
    kube: KubeCluster, namespace: str, tmp_path: Path
) -> None:
    kube.load_crds("argo-cd")
    entry = kube.entry(kube.administrator(namespace)) | {"allow": [{"namespaces": [namespace], "kinds": ["ConfigMap"]}]}
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    task = Task(tmp_path / "task", Services(config=config))
    with pytest.raises(NotAllowedError, match=r"may not use Application\.argoproj\.io"):
        await create(task, namespace)
    with pytest.raises(NotAllowedError, match=r"may not use Application\.argoproj\.io"):
        await task.run("argocd:delete", {"name": "shop", "namespace": namespace})
