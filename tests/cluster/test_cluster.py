"""The cluster of the tests is what they take it for."""

import pytest

from tests.cluster import waiting
from tests.cluster.calls import Api, ApiException
from tests.cluster.cluster import KubeCluster


def test_a_pod_runs_and_says_something(kube: KubeCluster, namespace: str) -> None:
    container = {
        "name": "main",
        "image": kube.postgres_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "psql --version; echo done"],
    }
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    kube.api.post(pods, {"metadata": {"name": "hello"}, "spec": spec})

    def has_ended() -> str:
        phase = str(kube.api.get(f"{pods}/hello")["status"]["phase"])
        return phase if phase in ("Succeeded", "Failed") else ""

    assert waiting.until(has_ended, "the pod has ended") == "Succeeded"
    log = kube.api.text(f"{pods}/hello/log")
    assert log.startswith("psql (PostgreSQL)")
    assert log.endswith("done\n")


def test_kinds_of_other_projects_are_there(kube: KubeCluster) -> None:
    kube.load_crds("crossplane", "sealed-secrets")
    known = {one["name"] for one in kube.api.get("/apis")["groups"]}
    assert {"apiextensions.crossplane.io", "bitnami.com"} <= known


def test_an_account_may_do_what_its_rules_say(kube: KubeCluster, namespace: str) -> None:
    token = kube.account(namespace, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]})
    somebody = Api(kube.kubeconfig_of(token))
    assert somebody.items(f"/api/v1/namespaces/{namespace}/configmaps") is not None
    with pytest.raises(ApiException) as refused:
        somebody.items(f"/api/v1/namespaces/{namespace}/secrets")
    assert refused.value.status == 403
