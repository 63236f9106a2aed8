"""``kubernetes:*`` against a real API server without controllers; what pods do is tried in ``tests/cluster``."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from backstage_py.integrations.kubernetes.waiting import WaitedInVainError
from backstage_py.plugin import Services
from tests import patience
from tests.actions.harness import Catalog, Task
from tests.cluster import waiting
from tests.cluster.calls import Api
from tests.integrations.kube_server import KubeServer

pytestmark = pytest.mark.xdist_group("api_server")


@pytest.fixture(scope="module")
def server(api_server: KubeServer) -> KubeServer:
    return api_server


@pytest.fixture
def task(server: KubeServer, tmp_path: Path) -> Task:
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [server.entry()]}]}}
    return Task(tmp_path / "task", Services(config=config, catalog=Catalog()))


def config_map(name: str, data: dict[str, str], **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data}


async def apply(task: Task, place: str, *manifest: dict[str, Any], dry_run: bool = False, **given: Any) -> Any:
    task.checkpoints.clear()
    return await task.run(
        "kubernetes:apply", {"manifest": list(manifest), "namespace": place, **given}, dry_run=dry_run
    )


@pytest.mark.thorough
async def test_what_was_applied_is_put_out_with_what_became_of_it(task: Task, place: str, admin: Api) -> None:
    (task.workspace.root / "m.yaml").write_text(json.dumps(config_map("a", {"x": "1"})))
    first = await task.run("kubernetes:apply", {"manifestPath": "m.yaml", "namespace": place})
    uid = admin.get(f"/api/v1/namespaces/{place}/configmaps/a")["metadata"]["uid"]
    [found] = first.outputs["objects"]
    assert found == {
        "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": place, "uid": uid, "change": "created",
    }  # fmt: skip
    assert (await apply(task, place, config_map("a", {"x": "1"}))).outputs["objects"][0]["change"] == "unchanged"
    changed = await apply(task, place, config_map("a", {"x": "2"}), config_map("b", {}), wait=True)
    assert [one["change"] for one in changed.outputs["objects"]] == ["configured", "created"]
    assert changed.log.messages[:2] == [f"ConfigMap/{place}/a configured", f"ConfigMap/{place}/b created"]


async def test_a_dry_run_shows_what_the_cluster_would_change(task: Task, place: str, admin: Api) -> None:
    await apply(task, place, config_map("a", {"x": "1", "y": "1"}))
    result = await apply(task, place, config_map("a", {"x": "2", "y": "1"}), config_map("b", {}), dry_run=True)
    lines = result.log.messages
    assert f"ConfigMap/{place}/a would be configured" in lines
    assert '-  x: "1"' in lines
    assert '+  x: "2"' in lines
    assert f"ConfigMap/{place}/b would be created" in lines
    assert [one["metadata"]["name"] for one in mine(admin, place)] == ["a"]
    assert mine(admin, place)[0]["data"] == {"x": "1", "y": "1"}


def mine(admin: Api, place: str) -> list[Any]:
    return [
        one for one in admin.items(f"/api/v1/namespaces/{place}/configmaps") if one["metadata"]["name"][:4] != "kube"
    ]


@pytest.mark.thorough
async def test_a_dry_run_says_what_it_cannot_know(task: Task, place: str, admin: Api) -> None:
    new = f"{place}-new"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": new}}
    inside = config_map("a", {}, namespace=new)
    result = await apply(task, place, namespace, inside, dry_run=True)
    assert f"ConfigMap/{new}/a cannot be tried: its kind or namespace comes with this manifest" in result.log.messages
    assert admin.find(f"/api/v1/namespaces/{new}") is None
    with pytest.raises(NotFoundError, match=r"namespaces .* not found"):
        await apply(task, place, inside, dry_run=True)


async def test_a_dry_run_without_a_cluster_reads_the_manifest(task: Task) -> None:
    task.configured()
    result = await task.run("kubernetes:apply", {"manifest": config_map("a", {})}, dry_run=True)
    assert result.outputs["objects"] == [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}]
    assert result.log.messages == ["No Kubernetes cluster is configured; the dry run asks none"]
    with pytest.raises(InputError, match="Document 1 of the manifest needs"):
        await task.run("kubernetes:apply", {"manifest": "kind: X"}, dry_run=True)


@pytest.mark.thorough
async def test_values_of_secrets_are_shown_nowhere(task: Task, place: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    await apply(task, place, {**secret, "stringData": {"a": "old-value", "b": "same"}})
    changed = {**secret, "stringData": {"a": "new-value", "b": "same"}}
    shown = await apply(task, place, changed, dry_run=True)
    assert "+  a: <hidden, another one>" in shown.log.messages
    read = await task.run("kubernetes:get", {"kind": "Secret", "name": "s", "namespace": place})
    assert read.outputs["object"]["data"] == {"a": "<hidden>", "b": "<hidden>"}
    path = {"kind": "Secret", "name": "s", "namespace": place, "until": "jsonpath={.data.a}"}
    waited = await task.run("kubernetes:wait", path)
    told = json.dumps([shown.log.messages, shown.outputs, read.outputs, read.log.messages])
    told += json.dumps([waited.log.messages, waited.outputs])
    for value in ("old-value", "new-value", "b2xkLXZhbHVl", "bmV3LXZhbHVl"):
        assert value not in told


async def test_a_conflict_names_the_owner_and_says_what_to_do(task: Task, place: str, admin: Api) -> None:
    admin.apply(f"/api/v1/namespaces/{place}/configmaps/a", config_map("a", {"x": "theirs"}), "flux")
    with pytest.raises(ConflictError, match=r'conflict with "flux".*; set \'force\' to take the fields over'):
        await apply(task, place, config_map("a", {"x": "ours"}))
    with pytest.raises(ConflictError, match='conflict with "flux"'):
        await apply(task, place, config_map("a", {"x": "ours"}), dry_run=True)
    await apply(task, place, config_map("a", {"x": "ours"}), force=True)
    assert mine(admin, place)[0]["data"] == {"x": "ours"}


async def test_a_step_that_runs_again_applies_nothing_twice(task: Task, place: str, admin: Api) -> None:
    generated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "run-"}, "data": {}}
    for _ in range(2):  # the answer to the first got lost, so there is no checkpoint
        await apply(task, place, generated)
    assert len(mine(admin, place)) == 1
    again = {"manifest": config_map("a", {"x": "1"}), "namespace": place}
    task.checkpoints.clear()
    first = await task.run("kubernetes:apply", again)
    admin.patch(f"/api/v1/namespaces/{place}/configmaps/a", {"data": {"x": "by somebody, meanwhile"}})
    second = await task.run("kubernetes:apply", again)
    assert second.outputs == first.outputs
    assert admin.get(f"/api/v1/namespaces/{place}/configmaps/a")["data"] == {"x": "by somebody, meanwhile"}
    admin.delete(f"/api/v1/namespaces/{place}/configmaps/a")
    third = await task.run("kubernetes:apply", again)
    assert third.log.messages[0] == "Some of what was applied is gone; it is applied again"
    assert admin.get(f"/api/v1/namespaces/{place}/configmaps/a")["data"] == {"x": "1"}


async def test_a_set_is_pruned_to_what_the_manifest_holds(task: Task, place: str, admin: Api) -> None:
    held: dict[str, Any] = {"appliedSet": "shop", "prune": True}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    await apply(task, place, config_map("a", {}), config_map("b", {}), secret, **held)
    await apply(task, place, config_map("bystander", {}))
    parent = admin.get(f"/api/v1/namespaces/{place}/configmaps/shop")["metadata"]
    assert parent["annotations"]["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap,Secret"
    tried = await apply(task, place, config_map("a", {}), dry_run=True, **held)
    assert f"ConfigMap/{place}/b would be pruned" in tried.log.messages
    result = await apply(task, place, config_map("a", {}), **held)
    assert [one["kind"] + "/" + one["name"] for one in result.outputs["pruned"]] == ["ConfigMap/b", "Secret/s"]
    assert {one["metadata"]["name"] for one in mine(admin, place)} == {"a", "bystander", "shop"}
    parent = admin.get(f"/api/v1/namespaces/{place}/configmaps/shop")["metadata"]
    assert parent["annotations"]["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap"
    task.checkpoints.clear()
    gone = await task.run("kubernetes:delete", {"appliedSet": "shop", "namespace": place})
    assert [one["name"] for one in gone.outputs["deleted"]] == ["a"]
    assert {one["metadata"]["name"] for one in mine(admin, place)} == {"bystander"}


async def test_a_set_of_another_tool_is_left_alone(task: Task, place: str, admin: Api) -> None:
    await apply(task, place, config_map("shop", {}))
    with pytest.raises(ConflictError, match=r"ConfigMap/.*/shop cannot hold the applied set: it is no applied set"):
        await apply(task, place, config_map("a", {}), appliedSet="shop")
    with pytest.raises(InputError, match="'prune' needs 'appliedSet'"):
        await apply(task, place, config_map("a", {}), prune=True)
    assert {one["metadata"]["name"] for one in mine(admin, place)} == {"shop"}


async def test_only_what_a_task_applied_is_deleted(task: Task, place: str, admin: Api) -> None:
    made = await apply(task, place, config_map("a", {}), config_map("b", {}))
    path = f"/api/v1/namespaces/{place}/configmaps"
    admin.delete(f"{path}/a")
    admin.post(path, config_map("a", {"by": "somebody else"}))
    objects = made.outputs["objects"]
    tried = await task.run("kubernetes:delete", {"objects": objects}, dry_run=True)
    assert f"ConfigMap/{place}/b would be deleted" in tried.log.messages
    gone = await task.run("kubernetes:delete", {"objects": objects})
    assert [one["name"] for one in gone.outputs["deleted"]] == ["b"]
    assert [one["metadata"]["name"] for one in mine(admin, place)] == ["a"]
    again = await task.run("kubernetes:delete", {"kind": "ConfigMap", "name": "none", "namespace": place})
    assert again.log.messages == [f"ConfigMap/{place}/none is not there"]


async def test_what_holds_an_object_that_shall_go_is_named(task: Task, place: str, admin: Api) -> None:
    await apply(task, place, config_map("held", {}, finalizers=["example.org/keep"]))
    named = {"kind": "ConfigMap", "name": "held", "namespace": place, "timeoutSeconds": 2}
    with pytest.raises(WaitedInVainError, match=r"Waited .* in vain: .*/held: .* held by example\.org/keep"):
        await task.run("kubernetes:delete", named)
    admin.patch(f"/api/v1/namespaces/{place}/configmaps/held", {"metadata": {"finalizers": None}})
    task.checkpoints.clear()
    await task.run("kubernetes:wait", {**named, "until": "delete"})


CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "caches.wait.example"},
    "spec": {
        "group": "wait.example",
        "scope": "Namespaced",
        "names": {"plural": "caches", "singular": "cache", "kind": "Cache"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
CACHE = {"apiVersion": "wait.example/v1", "kind": "Cache", "metadata": {"name": "c"}}


async def test_a_kind_that_comes_back_elsewhere_is_found_anew(task: Task, place: str, admin: Api) -> None:
    named = {"plural": "boxes", "singular": "box", "kind": "Box"}
    box = {**CRD, "metadata": {"name": "boxes.wait.example"}, "spec": {**CRD["spec"], "names": named}}
    value = {**CACHE, "kind": "Box"}
    await apply(task, place, box, value)
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    admin.delete(f"{definitions}/boxes.wait.example")
    waiting.until(lambda: admin.find(f"{definitions}/boxes.wait.example") is None, "the kind is gone")
    moved = {**box["spec"], "names": {**named, "plural": "crates"}}
    admin.post(definitions, {**box, "metadata": {"name": "crates.wait.example"}, "spec": moved})
    path = f"/apis/wait.example/v1/namespaces/{place}/crates"
    waiting.until(lambda: admin.find(path) is not None, "the kind is there")
    await apply(task, place, value)
    assert [one["metadata"]["name"] for one in admin.items(path)] == ["c"]


@pytest.mark.thorough
async def test_a_condition_that_flaps_is_waited_for_until_it_stays(task: Task, place: str, admin: Api) -> None:
    await apply(task, place, CRD, CACHE)
    path = f"/apis/wait.example/v1/namespaces/{place}/caches/c/status"

    def say(status: str, reason: str) -> None:
        admin.patch(path, {"status": {"conditions": [{"type": "Ready", "status": status, "reason": reason}]}})

    say("False", "Creating")
    named = {"apiVersion": "wait.example/v1", "kind": "Cache", "name": "c", "namespace": place}
    running = asyncio.create_task(task.run("kubernetes:wait", {**named, "until": "condition=Ready", "looks": 5}))

    async def saw(text: str) -> None:
        await patience.until(lambda: any(line.endswith(text) for line in task.log.messages), f"it saw {text}")

    await saw("Ready=False (Creating)")
    say("True", "Available")
    await saw("Ready=True (Available)")
    say("False", "Restarting")
    await saw("Ready=False (Restarting)")
    say("True", "Again")
    result = await running
    assert result.outputs["object"]["status"]["conditions"][0]["reason"] == "Again"
    assert [line.partition(": ")[2] for line in result.log.messages][-2:] == [
        "Ready=False (Restarting)",
        "Ready=True (Again)",
    ]


async def test_a_wait_is_bounded_and_says_how_it_stood(task: Task, place: str) -> None:
    named = {"kind": "ConfigMap", "name": "none", "namespace": place, "timeoutSeconds": 1}
    with pytest.raises(WaitedInVainError, match=r"in vain: ConfigMap/.*/none: not there"):
        await task.run("kubernetes:wait", named)
    with pytest.raises(InputError, match="is nothing to wait for"):
        await task.run("kubernetes:wait", {**named, "until": "soon"})
    with pytest.raises(NotFoundError, match=r"has no kind Thing in nowhere\.example/v1"):
        await task.run("kubernetes:wait", {**named, "apiVersion": "nowhere.example/v1", "kind": "Thing"})


async def test_a_cancelled_task_waits_no_longer(task: Task, place: str) -> None:
    named = {"kind": "ConfigMap", "name": "none", "namespace": place}
    running = asyncio.create_task(task.run("kubernetes:wait", named))
    await asyncio.sleep(0.5)
    task.signal.set()
    assert (await running).outputs == {}


async def test_values_are_read_by_their_paths(task: Task, place: str) -> None:
    await apply(task, place, config_map("a", {"x": "1"}, labels={"app": "web"}), config_map("b", {"x": "2"}))
    one = {"kind": "ConfigMap", "name": "a", "namespace": place}
    read = await task.run("kubernetes:get", {**one, "values": {"x": "{.data.x}", "none": "{.data.none}"}})
    assert read.outputs["values"] == {"x": "1", "none": None}
    assert read.outputs["exists"] is True
    listed = {"kind": "ConfigMap", "namespace": place, "labelSelector": "app=web"}
    assert [one["metadata"]["name"] for one in (await task.run("kubernetes:get", listed)).outputs["objects"]] == ["a"]
    missing = {**one, "name": "none"}
    with pytest.raises(NotFoundError, match=r"The cluster 'dev' has no ConfigMap/.*/none"):
        await task.run("kubernetes:get", missing)
    assert (await task.run("kubernetes:get", {**missing, "required": False})).outputs["exists"] is False


async def test_a_namespace_is_made_once_and_labelled(task: Task, place: str, admin: Api, server: KubeServer) -> None:
    name = f"{place}-own"
    given = {
        "namespace": name,
        "labels": "team=shop;managed-by=backstage",
        "skipTLSVerify": True,
        "token": server.admin,
    }
    tried = await task.run("kubernetes:create-namespace", {**given, "url": server.url}, dry_run=True)
    assert tried.log.messages[0] == f"Namespace/{name} would be created"
    made = await task.run("kubernetes:create-namespace", {**given, "url": f"{server.url}/"})
    assert made.log.messages == [f"Namespace/{name} created", f"Namespace/{name}: Active"]
    again = await task.run("kubernetes:create-namespace", {"namespace": name, "labels": {"cost": "12"}})
    assert again.log.messages[0] == f"Namespace/{name} configured"
    labels = admin.get(f"/api/v1/namespaces/{name}")["metadata"]["labels"]
    assert (labels["team"], labels["managed-by"], labels["cost"]) == ("shop", "backstage", "12")


async def test_a_namespace_is_made_on_configured_clusters_alone(task: Task, server: KubeServer) -> None:
    given = {"namespace": "x", "token": "t"}
    with pytest.raises(NotFoundError, match=r"No cluster of .* is at https://169\.254\.169\.254"):
        await task.run("kubernetes:create-namespace", {**given, "url": "https://169.254.169.254"})
    with pytest.raises(NotFoundError, match="The catalog has no 'resource:prod' with the annotation"):
        await task.run("kubernetes:create-namespace", {**given, "clusterRef": "prod"})
    annotations = {"kubernetes.io/api-server": "https://elsewhere.example"}
    assert isinstance(task.services.catalog, Catalog)
    task.services.catalog.entities["resource:default/prod"] = {"metadata": {"annotations": annotations}}
    with pytest.raises(NotFoundError, match=r"is at https://elsewhere\.example"):
        await task.run("kubernetes:create-namespace", {**given, "clusterRef": "resource:default/prod"})
    with pytest.raises(InputError, match="is no list of labels"):
        await task.run("kubernetes:create-namespace", {"namespace": "x", "labels": "team"})


async def test_the_rules_hold_for_every_action(task: Task, place: str, server: KubeServer) -> None:
    entry = server.entry() | {"allow": [{"namespaces": ["other"], "kinds": ["*"]}]}
    task.configured(kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]})
    named = {"kind": "Secret", "name": "s", "namespace": place}
    workload = {"name": "web", "namespace": place}
    for action, given in (
        ("kubernetes:apply", {"manifest": config_map("a", {}), "namespace": place}),
        ("kubernetes:apply", {"manifest": config_map("a", {}), "namespace": place, "appliedSet": "x"}),
        ("kubernetes:delete", named),
        ("kubernetes:delete", {"appliedSet": "x", "namespace": place}),
        ("kubernetes:wait", named),
        ("kubernetes:get", named),
        ("kubernetes:get", {"kind": "Secret", "namespace": place}),
        ("kubernetes:create-namespace", {"namespace": place}),
        ("kubernetes:rollout", workload),
        ("kubernetes:rollout", {**workload, "restart": True}),
        ("kube:delete", {"manifest": config_map("a", {}, namespace=place)}),
        ("kube:job:wait", workload),
    ):
        with pytest.raises(NotAllowedError, match="This template may not use"):
            await task.run(action, given)
    with pytest.raises(NotAllowedError, match="This template may not use"):
        await task.run("kubernetes:apply", {"manifest": config_map("a", {}), "namespace": place}, dry_run=True)
    assert task.checkpoints.keys() <= {"waits since", "restarted at"}


async def test_what_is_empty_is_left_out_of_a_document(tmp_path: Path) -> None:
    task = Task(tmp_path)
    document = "a: {}\nb: {c: null, d: [{}, 1, '']}\ne: ''\nf: {g: {h: []}}\ni: 0\nj: false\n"
    cleaned = await task.run("cnoe:utils:sanitize", {"document": document}, dry_run=True)
    assert cleaned.outputs["sanitized"] == 'b:\n  d:\n    - 1\n    - ""\ne: ""\ni: 0\nj: false\n'
    with pytest.raises(InputError, match="The document is no YAML: "):
        await task.run("cnoe:utils:sanitize", {"document": "a: [1"})
