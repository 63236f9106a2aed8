"""The chart on an API server that is too old for the newest versions of kinds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.deploy import rendering
from tests.golden_paths.produced import NAME
from tests.integrations import kube_server
from tests.integrations.kube_server import KubeServer

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    with kube_server.serve(tmp_path_factory.mktemp("kube")) as running:
        yield running


def planned(server: KubeServer, repository: Path, folder: Path) -> list[dict[str, Any]]:
    """What Helm would install there; the server has looked at each object."""
    cluster = {"server": server.url, "certificate-authority-data": server.entry()["caData"]}
    access = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": server.admin}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(access), encoding="utf-8")
    helm = helm_python.Config(kubeconfig_path=folder / "kubeconfig", namespace="default")
    try:
        release = helm.install(repository / "chart", NAME, {}, namespace="default", dry_run="server")
    finally:
        helm.close()
    return [one for one in yaml.safe_load_all(release["manifest"]) if one]


def test_kinds_follow_what_the_server_has(server: KubeServer, delivered: Path, tmp_path: Path) -> None:
    served = {one["groupVersion"] for group in server.api.get("/apis")["groups"] for one in group["versions"]}
    assert not {"autoscaling/v2", "policy/v1"} & served, "this server is not an old one"
    old = {one["kind"]: one["apiVersion"] for one in planned(server, delivered, tmp_path)}
    new = {one["kind"]: one["apiVersion"] for one in rendering.rendered({}, chart=delivered / "chart", name=NAME)}
    assert old.keys() == new.keys()
    assert (old["HorizontalPodAutoscaler"], old["PodDisruptionBudget"]) == ("autoscaling/v2beta2", "policy/v1beta1")
    assert (new["HorizontalPodAutoscaler"], new["PodDisruptionBudget"]) == ("autoscaling/v2", "policy/v1")
    assert {old[kind] for kind in old} <= served | {"v1"}
