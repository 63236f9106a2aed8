"""A release of the chart on a cluster, by Helm's own library, and what an operator sees of it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import helm_python

from tests.cluster import waiting
from tests.cluster.calls import ApiException
from tests.cluster.cluster import KubeCluster
from tests.deploy.rendering import CHART

NAME = "backstage-py"
_KINDS = (
    "/api/v1/namespaces/{}/configmaps",
    "/api/v1/namespaces/{}/endpoints",
    "/api/v1/namespaces/{}/pods",
    "/api/v1/namespaces/{}/secrets",
    "/api/v1/namespaces/{}/serviceaccounts",
    "/api/v1/namespaces/{}/services",
    "/apis/apps/v1/namespaces/{}/deployments",
    "/apis/apps/v1/namespaces/{}/replicasets",
    "/apis/batch/v1/namespaces/{}/jobs",
    "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "/apis/policy/v1beta1/namespaces/{}/poddisruptionbudgets",
)


class Release:
    """``helm install``, ``upgrade``, ``rollback`` and ``uninstall`` of one release in a namespace."""

    def __init__(self, kube: KubeCluster, namespace: str, helm: helm_python.Config, chart: Path, name: str) -> None:
        self._kube, self._helm, self._chart, self._name = kube, helm, chart, name
        self.namespace = namespace

    def install(self, values: dict[str, Any]) -> None:
        self._helm.install(self._chart, self._name, values, namespace=self.namespace)
        self.rolled_out()

    def upgrade(self, values: dict[str, Any]) -> None:
        self._helm.upgrade(self._chart, self._name, values, namespace=self.namespace, timeout=300)
        self.rolled_out()

    def rollback(self, revision: int) -> None:
        self._helm.rollback(self._name, version=revision, timeout=300)
        self.rolled_out()

    def uninstall(self) -> None:
        self._helm.uninstall(self._name)

    def rolled_out(self) -> None:
        """Wait until the wanted replicas are ready, and none is there that is not wanted."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self._name}"

        def is_done() -> bool:
            found = self._kube.api.get(path)
            wanted, status = found["spec"]["replicas"], found["status"]
            return bool(
                status.get("observedGeneration") == found["metadata"]["generation"]
                and status.get("updatedReplicas") == status.get("replicas") == wanted
                and status.get("availableReplicas") == wanted
            )

        try:
            waiting.until(is_done, "all replicas are rolled out")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._said()}") from None

    def _said(self) -> str:
        """What became of the pods and the last that they said."""
        pods = f"/api/v1/namespaces/{self.namespace}/pods"
        said = []
        for pod in self._kube.api.items(pods):
            name = pod["metadata"]["name"]
            said.append(f"{name}: {pod['status'].get('containerStatuses', pod['status'])}")
            with suppress(ApiException):
                said.append(self._kube.api.text(f"{pods}/{name}/log?tailLines=15"))
        return "\n".join(said)

    def addresses(self) -> list[str]:
        """Return the base URLs of ready replicas, as a load balancer has them."""
        found = self._kube.api.find(f"/api/v1/namespaces/{self.namespace}/endpoints/{self._name}") or {}
        subsets = found.get("subsets") or []
        return [
            f"http://{address['ip']}:{port['port']}"
            for one in subsets
            for address in one.get("addresses") or []
            for port in one["ports"]
            if port["name"] == "http"
        ]

    def objects(self) -> set[tuple[str, str]]:
        """Return what is in the namespace, each as the end of its kind's path and its name."""
        listed = [(kind, self._kube.api.items(kind.format(self.namespace))) for kind in _KINDS]
        return {(kind.rpartition("/")[2], one["metadata"]["name"]) for kind, found in listed for one in found}


@contextmanager
def opened(kube: KubeCluster, namespace: str, chart: Path = CHART, name: str = NAME) -> Iterator[Release]:
    """Have Helm in a namespace until the block is left, for a release of a chart."""
    helm = helm_python.Config(kubeconfig_path=kube.kubeconfig, namespace=namespace, kube_insecure_skip_tls_verify=True)
    try:
        yield Release(kube, namespace, helm, chart, name)
    finally:
        helm.close()


def kill(kube: KubeCluster, namespace: str, address: str) -> None:
    """End every process of the pod that has an address at once, as when its machine loses its power."""
    [pod] = kube.api.items(f"/api/v1/namespaces/{namespace}/pods?fieldSelector=status.podIP={address}")
    for one in pod["status"]["containerStatuses"]:
        kill_container(kube, one["containerID"])


def kill_container(kube: KubeCluster, container: str) -> None:
    """Do so to one container, by its id as a pod's status has it."""
    command = ["ctr", "-a", str(kube.kubeconfig.parent / "containerd.sock"), "-n", "k8s.io", "tasks", "kill"]
    name = container.removeprefix("containerd://")
    subprocess.run([*command, "--signal", "SIGKILL", name], check=True, capture_output=True)
