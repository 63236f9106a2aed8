"""Tasks that act on a real cluster: steps hand objects on, progress streams, a cancelled one waits no longer."""

from pathlib import Path
from typing import Any

from backstage_py.plugin import Services
from backstage_py_actions.kubernetes import ACTIONS
from tests import patience
from tests.cluster.cluster import KubeCluster
from tests.scaffolder.harness import World, body, messages, template, world

OWNED = [{"type": "ownedBy", "targetRef": "group:default/platform"}]


def services(kube: KubeCluster, namespace: str) -> Services:
    rule = {"owners": ["group:default/platform"], "namespaces": [namespace], "kinds": ["*"]}
    entry = kube.entry(kube.administrator(namespace)) | {"allow": [rule]}
    return Services(config={"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}})


def steps(kube: KubeCluster, namespace: str) -> list[dict[str, Any]]:
    container = {
        "name": "main",
        "image": kube.postgres_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "sleep 1; echo ${{ parameters.word }}"],
    }
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "hello-"}, "spec": spec}
    objects = "${{ steps.apply.output.objects }}"
    name = "${{ steps.apply.output.objects[0].name }}"
    return [
        {"id": "apply", "action": "kubernetes:apply", "input": {"manifest": job, "namespace": namespace}},
        {"id": "wait", "action": "kubernetes:wait", "input": {"objects": objects}},
        {
            "id": "get",
            "action": "kubernetes:get",
            "input": {"kind": "Job", "name": name, "namespace": namespace, "values": {"done": "{.status.succeeded}"}},
        },
        {"id": "delete", "action": "kubernetes:delete", "input": {"objects": objects}},
    ]


async def test_a_task_applies_waits_reads_and_deletes(kube: KubeCluster, namespace: str, tmp_path: Path) -> None:
    entity = template(*steps(kube, namespace), output={"done": "${{ steps.get.output['values'].done }}"})
    async with world(tmp_path, *ACTIONS, services=services(kube, namespace)) as w:
        events = await run(w, entity)
    said = messages(events)
    assert body(events[-1])["output"] == {"done": 1}, said
    assert any("SuccessfulCreate: Created pod: hello-" in line for line in said)
    assert not kube.api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")


async def run(w: World, entity: dict[str, Any], word: str = "hi") -> Any:
    return await w.events(await w.create({**entity, "relations": OWNED}, {"word": word}))


async def test_a_template_of_other_owners_gets_nothing(kube: KubeCluster, namespace: str, tmp_path: Path) -> None:
    entity = template(*steps(kube, namespace))
    async with world(tmp_path, *ACTIONS, services=services(kube, namespace)) as w:
        events = await w.run(entity, {"word": "hi"})
    assert body(events[-1])["error"]["name"] == "NotAllowedError"
    assert not kube.api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")


async def test_a_cancelled_task_waits_no_longer(kube: KubeCluster, namespace: str, tmp_path: Path) -> None:
    never = {"kind": "ConfigMap", "name": "never", "namespace": namespace, "timeoutSeconds": 3600}
    entity = template({"id": "wait", "action": "kubernetes:wait", "input": never})
    async with world(tmp_path, *ACTIONS, services=services(kube, namespace)) as w:
        task_id = await w.create({**entity, "relations": OWNED}, {})
        async with patience.bounded():
            async for batch in await w.scaffolder.service.event_stream(task_id, None):
                if any("never: not there" in str(body(event)) for event, _ in batch):
                    break
        await w.scaffolder.service.cancel(task_id)
        events = await w.events(task_id)
    assert events[-1].type in ("cancelled", "completion")
