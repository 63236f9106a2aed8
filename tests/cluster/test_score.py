"""What ``score:generate`` writes is taken by a real API server, and runs."""

from pathlib import Path

import pytest

from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.actions.test_score_actions import WORKLOAD, generate, small
from tests.cluster.cluster import KubeCluster


@pytest.fixture
def task(kube: KubeCluster, namespace: str, tmp_path: Path) -> Task:
    entry = kube.entry(kube.administrator(namespace))
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    return Task(tmp_path / "task", Services(config=config))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
async def test_all_that_a_workload_may_have_is_taken(task: Task, namespace: str, kind: str) -> None:
    text = WORKLOAD.replace("  annotations:\n", f"  annotations:\n    k8s.score.dev/kind: {kind}\n")
    _, outputs = await generate(task, text, namespace=namespace)
    applied = await task.run("kubernetes:apply", {"manifestPath": outputs["manifestPath"]}, dry_run=True)
    assert [one["kind"] for one in applied.outputs["objects"]] == [
        "PersistentVolumeClaim",
        "ConfigMap",
        kind,
        "Service",
    ]


async def test_a_workload_runs_with_its_secret_and_its_files(task: Task, kube: KubeCluster, namespace: str) -> None:
    secret = {"metadata": {"name": "shop-db"}, "stringData": {"endpoint": "db.example.org", "password": "s3cret"}}
    kube.api.post(f"/api/v1/namespaces/{namespace}/secrets", secret)
    script = (
        'test "$URL" = "//s3cret@db.example.org" && test "$DOLLAR" = "\\$(HOME)" && '
        'test "$(cat /etc/shop/a.conf)" = "name=shop" && test "$(cat /run/password)" = s3cret && '
        ": > /tmp/ready && sleep 600"
    )
    text = small(
        image=kube.postgres_image,
        command=["sh", "-c", script],
        variables={
            "URL": "//${resources.db.password}@${resources.db.host}",
            "DOLLAR": "$(HOME)",
        },
        files={
            "/etc/shop/a.conf": {"content": "name=${metadata.name}"},
            "/run/password": {"content": "${resources.db.password}"},
        },
        readinessProbe={"exec": {"command": ["sh", "-c", "test -e /tmp/ready"]}},
    )
    _, outputs = await generate(task, text.replace("  data:\n    type: volume\n", ""), namespace=namespace)
    given = {"manifestPath": outputs["manifestPath"], "wait": True, "timeoutSeconds": 120}
    result = await task.run("kubernetes:apply", given)
    assert [one["change"] for one in result.outputs["objects"]] == ["created", "created"]
