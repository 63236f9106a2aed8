"""A real Kubernetes cluster for tests, in which controllers act and pods run.

BACKSTAGE_PY_TEST_KUBECONFIG names one (any will do: a test makes a namespace of its own); without it the kit beside the
checkout starts one for the run, which its workers share. Without either, tests that need one are skipped by name.
"""

import base64
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import crds, images, kit, waiting
from tests.cluster.calls import Api

RUN = "BACKSTAGE_PY_RUN_FOLDER"
"""Names a folder that all processes of a run share."""

_RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass
class KubeCluster:
    """A cluster of which the tests are an administrator."""

    kubeconfig: Path
    _loaded: set[str] = field(default_factory=set)

    @cached_property
    def api(self) -> Api:
        """The cluster, for what a test looks at and prepares without the code that it tries."""
        return Api(self._trusted)

    @property
    def url(self) -> str:
        return str(self._trusted["clusters"][0]["cluster"]["server"])

    @property
    def ca(self) -> str:
        """Its authority in PEM."""
        return base64.b64decode(self._trusted["clusters"][0]["cluster"]["certificate-authority-data"]).decode()

    @cached_property
    def _trusted(self) -> dict[str, Any]:
        """The kubeconfig's current context; the kit's checks no certificate, but lies beside it."""
        read = yaml.safe_load(self.kubeconfig.read_text())
        context = _named(read["contexts"], read["current-context"])["context"]
        cluster = dict(_named(read["clusters"], context["cluster"])["cluster"])
        if cluster.pop("insecure-skip-tls-verify", False):
            cluster["certificate-authority"] = "certs/apiserver.crt"
        if file := cluster.pop("certificate-authority", None):
            pem_file = self.kubeconfig.parent / file
            cluster["certificate-authority-data"] = base64.b64encode(pem_file.read_bytes()).decode()
        return {
            **read,
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": context["user"]}}],
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
        }

    def entry(self, token: str, name: str = "dev") -> dict[str, Any]:
        """The cluster as an entry of ``kubernetes.clusterLocatorMethods``."""
        ca = base64.b64encode(self.ca.encode()).decode()
        return {
            "name": name,
            "url": self.url,
            "authProvider": "serviceAccount",
            "serviceAccountToken": token,
            "caData": ca,
            "allow": [{"namespaces": ["*"], "kinds": ["*"], "clusterKinds": ["*"]}],
        }

    def kubeconfig_of(self, token: str) -> dict[str, Any]:
        """A kubeconfig for somebody who has a token."""
        context = self._trusted["contexts"][0]["context"] | {"user": "somebody"}
        return {
            **self._trusted,
            "users": [{"name": "somebody", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": context}],
        }

    def load_crds(self, *projects: str) -> None:
        """Have the kinds of other projects, by the folders in which ``crds`` finds them."""
        crds.load(self.api, *[one for one in projects if one not in self._loaded])
        self._loaded.update(projects)

    def has_loaded(self, project: str) -> bool:
        """Whether a test asked for these kinds."""
        return project in self._loaded

    @cached_property
    def postgres_image(self) -> str:
        """An image with a shell and ``psql``."""
        folder = self.kubeconfig.parent
        if kit.program() and (folder / "containerd.sock").exists():
            with tempfile.TemporaryDirectory() as made:
                kit.load_image(folder, images.POSTGRES, images.postgres_root(Path(made)), ["/bin/sh"])
        return images.POSTGRES

    @cached_property
    def host(self) -> str:
        """This machine's address as pods see it; servers that they shall reach listen there."""
        if named := os.environ.get("BACKSTAGE_PY_TEST_CLUSTER_HOST"):
            return named
        nodes = self.api.items("/api/v1/nodes")
        for address in [one["address"] for node in nodes for one in node["status"]["addresses"]]:
            with socket.socket() as tried:
                try:
                    tried.bind((address, 0))
                except OSError:
                    continue
                return str(address)
        pytest.skip("BACKSTAGE_PY_TEST_CLUSTER_HOST, this machine's address as pods of the cluster see it")

    def new_namespace(self, prefix: str = "test") -> str:
        """Make a namespace in which pods may start at once, since its service account is there."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"

        def is_there() -> bool:
            found = self.api.find(account)
            return bool(found and (found.get("secrets") or not self.stores_tokens))

        waiting.until(is_there, f"{name} has a service account")
        return name

    @cached_property
    def stores_tokens(self) -> bool:
        """Whether a service account gets a stored token, as before Kubernetes 1.24; pods are refused until it has."""
        return bool(self.api.get("/api/v1/namespaces/kube-system/serviceaccounts/default").get("secrets"))

    def account(self, namespace: str, *rules: dict[str, Any], name: str = "somebody") -> str:
        """Make a service account that may do in its namespace what the rules say, and return a token of it."""
        self.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        roles = f"{_RBAC}/namespaces/{namespace}"
        self.api.post(f"{roles}/roles", {"metadata": {"name": name}, "rules": list(rules)})
        self.api.post(f"{roles}/rolebindings", _binding(name, namespace, "Role", name))
        return self.token(namespace, name)

    def administrator(self, namespace: str) -> str:
        """Return a token that may do everything in the cluster, until ``remove``."""
        name = f"admin-{namespace}"
        self.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        self.api.post(f"{_RBAC}/clusterrolebindings", _binding(name, namespace, "ClusterRole", "cluster-admin"))
        return self.token(namespace, name)

    def token(self, namespace: str, account: str) -> str:
        """Return a token of a service account, good for an hour."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        made = self.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
        return str(made["status"]["token"])

    def remove(self, namespace: str) -> None:
        """Have a namespace and what ``administrator`` made for it go away, in its own time."""
        self.api.delete(f"{_RBAC}/clusterrolebindings/admin-{namespace}")
        self.api.delete(f"/api/v1/namespaces/{namespace}")


def _binding(name: str, namespace: str, kind: str, role: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }


def _named(listed: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in listed if one["name"] == name)


def find() -> KubeCluster:
    """Return the cluster of this run, or skip."""
    if named := os.environ.get("BACKSTAGE_PY_TEST_KUBECONFIG"):
        return KubeCluster(Path(named).resolve())
    if kit.program() is None:
        pytest.skip("a Kubernetes cluster in BACKSTAGE_PY_TEST_KUBECONFIG")
    return KubeCluster(kit.up(run_folder()))


def run_folder() -> Path:
    """Where the cluster of this run lies."""
    return Path(os.environ[RUN]) / "cluster"
