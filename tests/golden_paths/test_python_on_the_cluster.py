"""What the golden path for a Python service produces, in pods of a real cluster: built, deployed, watched, stopped.

Its image is built by its Dockerfile, with Debian's Python in both stages; its chart is installed by Helm.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers import prometheus_operator
from tests.cluster.reconcilers.databases import Databases
from tests.deploy import built, load, release
from tests.deploy.release import Release
from tests.golden_paths import produced
from tests.golden_paths.produced import NAME, TEAM
from tests.monitoring.prometheus import Prometheus
from tests.storage.postgres import postgres
from tests.tracing import receiver
from tests.tracing.receiver import Receiver

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.xdist_group("Python service in pods"),  # they share one
    pytest.mark.timeout(900),
]

VERSION = "1a2b3c"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ORDERS = """
from fastapi import APIRouter

from service.database import Connection

router = APIRouter()


@router.get("/orders")
async def orders(database: Connection) -> list[str]:
    return [one["name"] for one in await database.fetch("SELECT current_user AS name")]
"""


@dataclass(frozen=True)
class Deployed:
    """Two replicas with a database, what watches them, and whom the database knows them by."""

    kube: KubeCluster
    release: Release
    prometheus: Prometheus
    traces: Receiver
    user: str

    def pods(self) -> dict[str, Any]:
        found = self.kube.api.items(f"/api/v1/namespaces/{self.release.namespace}/pods")
        return {one["metadata"]["name"]: one for one in found}

    def process(self, pod: Any) -> int:
        """Return the number that a pod's process has on this machine."""
        socket = self.kube.kubeconfig.parent / "containerd.sock"
        command = ["ctr", "-a", str(socket), "-n", "k8s.io", "tasks", "list"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        numbers = {line.split()[0]: line.split()[1] for line in listed}
        return int(numbers[state(pod)["containerID"].removeprefix("containerd://")])


def state(pod: Any) -> Any:
    """Return the status of a pod's only container."""
    [container] = pod["status"]["containerStatuses"]
    return container


@pytest.fixture(scope="module")
def deployed(kube: KubeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("python")
    tree = produced.produce(produced.skeleton("python"), folder / "repository")
    (tree / "service/routes/orders.py").write_text(ORDERS, encoding="utf-8")
    images = built.images()
    image = built.load(kube, images, built.of_python_service(images, "localhost/produced", tree, VERSION))
    kube.load_crds("prometheus-operator")
    with ExitStack() as stack:
        namespace = kube.new_namespace("python")
        stack.callback(kube.remove, namespace)
        database = Databases(stack.enter_context(postgres(kube.host)))
        login = database.connection({"metadata": {"name": NAME}})
        _keep(kube, namespace, login)
        traces = stack.enter_context(receiver.running(kube.host))
        prometheus = stack.enter_context(prometheus_operator.running(kube.api, [namespace], folder / "prometheus"))
        installed = stack.enter_context(release.opened(kube, namespace, tree / "chart", NAME))
        installed.install(_values(image, traces, int(login["port"])))
        yield Deployed(kube, installed, prometheus, traces, login["username"])


def _keep(kube: KubeCluster, namespace: str, login: dict[str, str]) -> None:
    """Make the Secret that External Secrets makes of the credentials."""
    keys = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "username", "PGPASSWORD": "password"}
    kept = {"metadata": {"name": f"{NAME}-database"}, "stringData": {name: login[key] for name, key in keys.items()}}
    kube.api.post(f"/api/v1/namespaces/{namespace}/secrets", kept)


def _values(image: str, traces: Receiver, port: int) -> dict[str, Any]:
    """Return what this cluster has, and how slow its machine may be; all else is as the chart has it."""
    repository, _, tag = image.rpartition(":")
    patient = {"periodSeconds": 1, "timeoutSeconds": 20, "failureThreshold": 100}
    return {
        "image": {"repository": repository, "tag": tag},
        "autoscaling": {"enabled": False},
        "probes": dict.fromkeys(("startup", "liveness", "readiness"), patient),
        "database": {"enabled": True, "port": port, "externalSecret": {"enabled": False}},
        "serviceMonitor": {"enabled": True, "interval": "1s"},
        "tracing": {"endpoint": traces.url},
    }


def test_it_answers_at_its_pods_addresses_and_asks_its_database(deployed: Deployed) -> None:
    first, second = deployed.release.addresses()
    for url in (first, second):
        assert load.call(url, "/") == {"service": NAME, "team": TEAM, "version": VERSION}
        assert load.call(url, "/orders") == [deployed.user]
    load.call(first, "/", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")

    def found() -> list[Any]:
        return [one for one in deployed.traces.named("GET /") if one.trace_id.hex() == TRACE]

    waiting.until(found, "the span has come")
    assert deployed.traces.services == {NAME}


def test_it_is_nobody_on_a_root_that_cannot_be_written(deployed: Deployed) -> None:
    for pod in deployed.pods().values():
        assert state(pod)["restartCount"] == 0
        process = Path("/proc", str(deployed.process(pod)))
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
        assert (status["CapEff"], status["NoNewPrivs"]) == ("0" * 16, "1")
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
        assert {one[4]: one[5].split(",")[0] for one in mounts}["/"] == "ro"


def test_prometheus_scrapes_each_pod_as_the_service_monitor_says(deployed: Deployed) -> None:
    def scraped() -> set[str]:
        up = f'up{{namespace="{deployed.release.namespace}",job="{NAME}"}} == 1'
        return {one["metric"]["pod"] for one in deployed.prometheus.ask("query", query=up)["result"]}

    waiting.until(lambda: scraped() == set(deployed.pods()), "both are scraped")
    counted = f'http_requests_total{{job="{NAME}",route="/orders",code="200"}} > 0'
    load.call(deployed.release.addresses()[0], "/orders")
    waiting.until(lambda: deployed.prometheus.ask("query", query=counted)["result"], "the requests are counted")


def test_a_pod_that_goes_fails_no_request(deployed: Deployed) -> None:
    goes, _ = sorted(deployed.pods())
    with load.running(deployed.release.addresses, 3, "/", 0.05) as during:
        deployed.kube.api.delete(f"/api/v1/namespaces/{deployed.release.namespace}/pods/{goes}")
        waiting.until(lambda: goes not in deployed.pods(), "it is gone")
        deployed.release.rolled_out()
    assert during.failures == []
    assert during.answered > 0


def test_it_ends_by_itself_when_it_is_told_to(deployed: Deployed) -> None:
    """As the kubelet tells it; here its pod stays, and with it what became of the container."""
    name, pod = min(deployed.pods().items())
    os.kill(deployed.process(pod), signal.SIGTERM)
    ended = waiting.until(lambda: state(deployed.pods()[name])["lastState"].get("terminated"), "it has ended")
    assert (ended["exitCode"], ended["reason"]) == (0, "Completed")
    path = f"/api/v1/namespaces/{deployed.release.namespace}/pods/{name}/log?previous=true"
    said = [json.loads(line)["msg"] for line in deployed.kube.api.text(path).splitlines()]
    assert said.index("stopping") < said.index("stopped")
