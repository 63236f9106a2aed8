"""The image and the chart on a real cluster: installed, upgraded under load, rolled back, cut off, removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import reach, waiting
from tests.cluster.cluster import KubeCluster
from tests.deploy import built, install_page, load, postgres_pod, release
from tests.deploy.load import call
from tests.deploy.release import Release
from tests.replicas import revisions

TEMPLATE = """
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: greet}
spec:
  type: service
  steps:
    - {id: wait, name: Wait, action: debug:wait, input: {seconds: 1}}
    - {id: greet, name: Greet, action: debug:log, input: {message: Hello}}
"""


@pytest.fixture
def installed(kube: KubeCluster, namespace: str) -> Iterator[Release]:
    with release.opened(kube, namespace) as opened:
        yield opened


def values(database: postgres_pod.Postgres, image: str, **more: Any) -> dict[str, Any]:
    """What the page about the installation says, with what is this cluster's in the place of its examples."""
    name, _, tag = image.partition(":")
    access = {"type": "static", "options": {"token": "${OPERATOR_TOKEN}", "subject": "operator"}}
    own = {
        "image": {"repository": name, "tag": tag, "pullPolicy": "Never"},
        "database": {"host": database.host},
        "secrets": {"existing": ["backstage-py-tokens", "operator"]},
        "appConfig": {
            "backend": {"auth": {"externalAccess": [access]}},
            "catalog": {"locations": [{"type": "file", "target": "/etc/backstage-py/templates/greet.yaml"}]},
        },
        "extraVolumes": [{"name": "templates", "configMap": {"name": "templates"}}],
        "extraVolumeMounts": [{"name": "templates", "mountPath": "/etc/backstage-py/templates"}],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
    }
    page = install_page.values()
    page["appConfig"].pop("scaffolder")  # recovery is tried in tests.deploy.delegating, and here what is without it
    return _over(_over(page, own), more)


def _steps_in_pods(namespace: str, image: str, way: dict[str, Any]) -> dict[str, Any]:
    """What an operator adds so that a step runs as a Job in a namespace of its own."""
    rule = {"match": {"action": "debug:wait"}, "use": "kubernetes"}
    executor = {"namespace": namespace, "image": image, "imagePullPolicy": "Never"}
    return {
        "steps": {"enabled": True, "namespace": namespace},
        "appConfig": {**way, "scaffolder": {"executor": {"rules": [rule], "kubernetes": executor}}},
    }


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge values as Helm does: objects by their keys, all else is replaced."""
    both = {
        key: _over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return {**below, **both}


@pytest.mark.timeout(900)
def test_from_nothing_to_two_replicas_that_are_upgraded_without_a_failed_request_and_removed(
    kube: KubeCluster, namespace: str, installed: Release, tmp_path: Path
) -> None:
    images = built.images()
    before = built.load(
        kube, images, built.of_revision(images, "localhost/backstage-py-before", revisions.previous(tmp_path))
    )
    now = built.load(kube, images, built.NAME)
    database = postgres_pod.start(kube, namespace, now)
    core = f"/api/v1/namespaces/{namespace}"
    for name, data in {
        "operator": {"OPERATOR_TOKEN": load.TOKEN},
        "backstage-py-tokens": {"GITHUB_TOKEN": "t"},
    }.items():
        kube.api.post(f"{core}/secrets", {"metadata": {"name": name}, "stringData": data})
    kube.api.post(f"{core}/configmaps", {"metadata": {"name": "templates"}, "data": {"greet.yaml": TEMPLATE}})
    untouched = installed.objects()

    installed.install(values(database, before))
    assert len(installed.addresses()) == 2
    _runs_a_task(installed)

    with load.running(installed.addresses) as during:
        installed.upgrade(values(database, now))
    assert during.failures == []
    assert during.answered > 0
    _runs_a_task(installed)

    installed.rollback(1)
    _runs_a_task(installed)
    steps = kube.new_namespace("steps")
    with reach.from_pods(kube) as way:
        installed.upgrade(_over(values(database, now, workers=0), _steps_in_pods(steps, now, way)))
        cut = _cut_off(kube, namespace)
        waiting.until(lambda: _are_back(kube, namespace, cut), "all that was killed is started again, and ready")
        assert _runs_a_task(installed) >= 4
    jobs = f"/apis/batch/v1/namespaces/{steps}/jobs"
    assert [one["metadata"]["annotations"]["backstage.io/action"] for one in kube.api.items(jobs)] == ["debug:wait"]
    waiting.until(lambda: kube.api.items(jobs)[0]["status"].get("succeeded") == 1, "the step's pod has ended well")

    installed.uninstall()
    kube.remove(steps)
    waiting.until(lambda: installed.objects() <= untouched, "nothing of the release is left")


def _runs_a_task(installed: Release) -> int:
    """Run the template through one replica, see it done through the other; return how many tasks there are."""
    waiting.until(lambda: len(installed.addresses()) == 2, "two replicas are ready")
    first, second = installed.addresses()
    templates = "/api/catalog/entities/by-query?filter=kind=template"
    waiting.until(lambda: call(first, templates)["totalItems"], "the template is in the catalog")
    made = call(first, "/api/scaffolder/v2/tasks", {"templateRef": "template:default/greet", "values": {}})

    def is_done() -> bool:
        task = f"/api/scaffolder/v2/tasks/{made['id']}"
        status = call(second, task)["status"]
        assert status in {"open", "processing", "completed"}, call(second, f"{task}/events")
        return bool(status == "completed")

    waiting.until(is_done, "the task is completed")
    return int(call(second, "/api/scaffolder/v2/tasks")["totalTasks"])


def _cut_off(kube: KubeCluster, namespace: str) -> list[str]:
    """Kill every process of the namespace's pods at once, as when their node loses its power; return the containers."""
    containers = [
        one["containerID"]
        for pod in kube.api.items(f"/api/v1/namespaces/{namespace}/pods?fieldSelector=status.phase=Running")
        if not pod["metadata"].get("deletionTimestamp")
        for one in pod["status"]["containerStatuses"]
    ]
    for container in containers:
        release.kill_container(kube, container)
    return containers


def _are_back(kube: KubeCluster, namespace: str, before: list[str]) -> bool:
    statuses = [
        one
        for pod in kube.api.items(f"/api/v1/namespaces/{namespace}/pods")
        for one in pod["status"].get("containerStatuses", [])
    ]
    return len(statuses) == len(before) and all(one["ready"] and one["containerID"] not in before for one in statuses)
