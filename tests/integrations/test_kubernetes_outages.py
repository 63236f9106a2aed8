"""An API server that is killed in the middle: a wait goes on, an apply does nothing twice."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstage_py.errors import ServiceUnavailableError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.integrations import kube_server
from tests.integrations.kube_server import Parts


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Parts]:
    with kube_server.parts(tmp_path) as parts:
        yield parts


@pytest.fixture
def task(running: Parts, tmp_path: Path) -> Task:
    entry = running.server.entry()
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    return Task(tmp_path / "task", Services(config=config))


JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}}
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}


@pytest.mark.thorough
async def test_a_wait_outlives_the_api_server(running: Parts, task: Task, tmp_path: Path) -> None:
    await task.run("kube:apply", {"manifest": {**JOB, "spec": {"template": {"spec": POD}}}})
    waiting = asyncio.create_task(task.run("kube:job:wait", {"name": "migrate", "namespace": "default"}))
    await asyncio.sleep(1)
    running.kill_api()
    await asyncio.sleep(3)
    assert not waiting.done()
    await asyncio.to_thread(running.start_api)
    complete = {"conditions": [{"type": "Complete", "status": "True"}]}
    path = "/apis/batch/v1/namespaces/default/jobs/migrate"
    await asyncio.to_thread(running.server.api.patch, f"{path}/status", {"status": complete})
    lines = (await waiting).log.messages
    assert lines[0] == "Job/default/migrate: not started"
    assert any("The cluster 'dev' does not answer" in line for line in lines)
    assert lines[-1] == "Job/default/migrate: Complete=True"


@pytest.mark.thorough
async def test_what_a_step_made_before_the_api_server_went_is_not_made_twice(running: Parts, task: Task) -> None:
    generated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "run-"}, "data": {}}
    objects = {"apiVersion": "v1", "kind": "List", "items": [generated, {**generated, "metadata": {"name": "second"}}]}
    await task.run("kube:apply", {"manifest": json.dumps({**objects, "items": [generated]})})
    running.kill_api()
    with pytest.raises(ServiceUnavailableError, match="The cluster 'dev' does not answer"):
        await task.run("kube:apply", {"manifest": json.dumps(objects)})
    await asyncio.to_thread(running.start_api)
    for _ in range(2):
        await task.run("kube:apply", {"manifest": json.dumps(objects)})
    found = [one["metadata"]["name"] for one in running.server.api.items("/api/v1/namespaces/default/configmaps")]
    assert sorted(name[:4] for name in found if not name.startswith("kube-")) == ["run-", "seco"]
