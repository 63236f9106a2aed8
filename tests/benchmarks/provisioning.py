"""From a request to a ready database, without the cloud's own time: python -m tests.benchmarks.provisioning

First the whole of example 04, from the submitted form to a pod that has its database open: the seconds of each step.
Then a request for staging and production at ``/api/crossplane/postgres`` of the service, on the cluster of
BACKSTAGE_PY_TEST_KUBECONFIG or the kit's. Crossplane and its provider are controllers of the tests, the
databases those of a PostgreSQL server on this machine. Printed are medians, in seconds from the request on: until it is
answered, until the cluster has all composites, until these say that they are ready, until the service says so, and
until ``crossplane:postgres:request`` has seen it in as many looks as it takes by default.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backstage_py import logging
from backstage_py.cli.client import ApiClient
from backstage_py.plugin import Services, User
from tests.actions.harness import Catalog, Task
from tests.cluster import cluster, crds, example, platform, waiting
from tests.cluster.calls import ApiException
from tests.cluster.cluster import KubeCluster
from tests.cluster.platform import Platform
from tests.cluster.reconcilers import crossplane
from tests.cluster.reconcilers.databases import Databases
from tests.cluster.test_databases import ADA, Backend, backend, config, offered
from tests.storage.postgres import postgres

TIMES = 3
WANTED = 60.0  # seconds, the project's goal
_PARTS = ("answered", "composed", "ready on the cluster", "ready for the service", "seen by the action")


async def _measured(ask: Backend, given: Platform, task: Task, number: int) -> dict[str, float]:
    began, found = time.perf_counter(), dict[str, float]()

    def note(part: str) -> None:
        found[part] = time.perf_counter() - began

    names = {"serviceName": f"checkout{number}", "team": "payments"}
    answer = await ask("POST", "/api/crossplane/postgres", names)
    assert answer.status == 201, answer.body
    note("answered")
    action = asyncio.create_task(task.run("crossplane:postgres:request", names))
    await _until(lambda: all(one.get("spec", {}).get("resourceRef") for one in given.all()))
    note("composed")
    await _until(lambda: all(_is_ready(one) for one in given.all()))
    note("ready on the cluster")
    path = f"/api/crossplane/postgres/{given.namespace}/{names['serviceName']}"
    while not (await ask("GET", path)).json["ready"]:
        await waiting.pause()
    note("ready for the service")
    await action
    note("seen by the action")
    return found


async def _until(is_so: Any) -> None:
    while not await asyncio.to_thread(is_so):
        await waiting.pause(0.05)


def _is_ready(value: Any) -> bool:
    listed = (value.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in listed)


async def _runs(kube: KubeCluster, namespace: str, databases: Databases) -> list[dict[str, float]]:
    group, made = f"{namespace}.example.org", (databases.connection, databases.release)
    with tempfile.TemporaryDirectory() as folder, platform.version_1(kube, group, namespace, None, *made) as given:
        raw = config(kube, namespace, offered(given))
        member = {"type": "memberOf", "targetRef": "group:default/payments"}
        ada = {"kind": "User", "metadata": {"name": "ada"}, "relations": [member]}
        services = Services(config=raw, catalog=Catalog({ADA: ada}))
        async with backend(raw, Path(folder)) as ask:
            tasks = [Task(Path(folder, str(number)), services, user=User(ADA)) for number in range(TIMES)]
            return [await _measured(ask, given, one, number) for number, one in enumerate(tasks)]


async def _form(kube: KubeCluster) -> dict[str, float]:
    """Run example 04 once; return what each step took, and ``all``."""
    namespace = kube.new_namespace("bench")
    try:
        with tempfile.TemporaryDirectory() as folder, example.stage(kube, namespace, Path(folder)) as stage:
            async with ApiClient(stage.url) as api:
                await api.sign_in_as_guest()
                return await _steps(api, await example.started(api, example.CREATE, stage.values()))
    finally:
        kube.remove(namespace)


async def _steps(api: ApiClient, task: str) -> dict[str, float]:
    began = last = time.perf_counter()
    found: dict[str, float] = {}
    async for event in api.events(task):
        body = event["body"]
        assert "error" not in body, body
        if body.get("stepId") and body.get("status") == "completed":
            found[body["stepId"]] = time.perf_counter() - last
            last = time.perf_counter()
    return {**found, "all": time.perf_counter() - began}


async def main() -> bool:
    """Print the tables and return whether the goal is met."""
    kube = cluster.find()
    form = await _form(kube)
    sys.stdout.write("".join(f"{part:24}{seconds:7.2f} s\n" for part, seconds in form.items()))
    sys.stdout.write(f"from the submitted form on; the goal is {WANTED:g} s\n\n")
    namespace = kube.new_namespace("bench")
    try:
        with postgres(kube.host) as server:
            found = await _runs(kube, namespace, Databases(server))
    finally:
        with contextlib.suppress(ApiException):
            kube.api.delete(f"{crossplane.DEFINITIONS}/xpostgress.{namespace}.example.org")
        crds.remove(kube.api, f"{namespace}.example.org")
        kube.remove(namespace)
    medians = {part: statistics.median(one[part] for one in found) for part in _PARTS}
    for part, seconds in medians.items():
        sys.stdout.write(f"{part:24}{seconds:7.2f} s\n")
    sys.stdout.write(f"{TIMES} requests for two environments; the goal is {WANTED:g} s\n")
    return max(form["all"], medians[_PARTS[-1]]) <= WANTED


if __name__ == "__main__":
    logging.configure("error")
    sys.exit(not asyncio.run(main()))
