"""Produced manifests on a real API server with the kinds that it has: taken as they are, installed, judged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.cluster import admission
from tests.cluster.calls import ApiException
from tests.cluster.cluster import KubeCluster
from tests.cluster.helm_source import over, rendered
from tests.cluster.plurals import path_of
from tests.cluster.test_crossplane_skeleton import pruned
from tests.golden_paths import kyverno, produced
from tests.golden_paths.produced import NAME
from tests.golden_paths.test_chart import DIGEST, EVERYTHING, VARIANTS
from tests.golden_paths.test_delivery import applications

PROJECTS = ("argo-cd", "argo-rollouts", "external-secrets", "flux", "kyverno", "prometheus-operator")


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a new service in Go; chart and delivery are the same text in each language."""
    return produced.produce(produced.skeleton("go"), tmp_path_factory.mktemp("repository"))


def take(kube: KubeCluster, one: Any, namespace: str) -> Any:
    """Have the API server say what it would make of an object, of which nothing may be lost."""
    value = {**one, "metadata": {**one["metadata"], "namespace": namespace}}
    made = kube.api.post(f"{path_of(kube.api, value)}?dryRun=All&fieldManager=test", value)
    assert pruned(one.get("spec", {}), made.get("spec", {})) == [], one["kind"]
    return made


def test_the_cluster_takes_each_manifest_of_the_delivery(kube: KubeCluster, namespace: str, go: Path) -> None:
    kube.load_crds(*PROJECTS)
    files = [one for one in sorted((go / "deploy").rglob("*.yaml")) if one.name != "values.yaml"]
    found = [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    found += applications(go, "argo-cd/applicationset/environments.yaml")
    for one in found:
        take(kube, one, namespace)
    assert len(found) > len(files)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_cluster_takes_each_object_of_the_chart(
    kube: KubeCluster, namespace: str, go: Path, values: dict[str, Any]
) -> None:
    kube.load_crds(*PROJECTS)
    for one in rendered(kube, go / "chart", NAME, over(values, {"image": {"digest": DIGEST}}), namespace):
        take(kube, one, namespace)


@pytest.fixture
def helm(kube: KubeCluster, namespace: str) -> Iterator[helm_python.Config]:
    opened = helm_python.Config(
        kubeconfig_path=kube.kubeconfig, namespace=namespace, kube_insecure_skip_tls_verify=True
    )
    yield opened
    opened.close()


def test_helm_installs_upgrades_and_rolls_back_the_chart(
    kube: KubeCluster, namespace: str, go: Path, helm: helm_python.Config
) -> None:
    kube.load_crds(*PROJECTS)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}"
    first = over(EVERYTHING, {"rollout": {"enabled": False}, "replicas": 0, "autoscaling": {"enabled": False}})
    second = over(first, {"image": {"digest": f"sha256:{'b' * 64}"}})

    def image() -> str:
        return str(kube.api.get(path)["spec"]["template"]["spec"]["containers"][0]["image"])

    helm.install(go / "chart", NAME, first, namespace=namespace)
    assert image() == f"ghcr.io/org/{NAME}@{DIGEST}"
    helm.upgrade(go / "chart", NAME, second, namespace=namespace)
    assert image() == f"ghcr.io/org/{NAME}@sha256:{'b' * 64}"
    helm.rollback(NAME, version=1)
    assert image() == f"ghcr.io/org/{NAME}@{DIGEST}"
    helm.uninstall(NAME)
    assert kube.api.find(path) is None


def no_limits(container: Any) -> None:
    del container["resources"]["limits"]


def by_tag(container: Any) -> None:
    container["image"] = f"ghcr.io/org/{NAME}:latest"


def writable(container: Any) -> None:
    container["securityContext"]["readOnlyRootFilesystem"] = False


def privileged(container: Any) -> None:
    container["securityContext"]["allowPrivilegeEscalation"] = True


WRONG = [
    (by_tag, "-images:", "by-digest: 'validation error: The image is ghcr.io/org/"),
    (no_limits, "-pods:", "failed at path /spec/containers/0/resources/limits/"),
    (writable, "-pods:", "failed at path /spec/containers/0/securityContext/readOnlyRootFilesystem/"),
    (privileged, "-pods:", "restricted failed: privilege escalation"),
]


def test_pods_of_the_chart_pass_its_policies_and_others_are_refused_by_rule(
    kube: KubeCluster, namespace: str, go: Path, tmp_path: Path
) -> None:
    kube.load_crds(*PROJECTS)
    files = sorted((go / "deploy/policies").glob("*.yaml"))
    policies = [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    values = {"image": {"digest": DIGEST}}
    objects = {one["kind"]: one for one in rendered(kube, go / "chart", NAME, values, namespace)}
    kube.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", objects["ServiceAccount"])

    def ask(change: Callable[[Any], None]) -> None:
        template = yaml.safe_load(yaml.safe_dump(objects["Deployment"]["spec"]["template"]))
        change(template["spec"]["containers"][0])
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        take(kube, {**pod, "metadata": {**pod["metadata"], "name": NAME}}, namespace)

    def judge(value: Any) -> str | None:
        return kyverno.refusal(policies, value)

    with admission.webhook(kube.api, kube.host, namespace, judge, tmp_path):
        ask(lambda _: None)
        for change, policy, words in WRONG:
            with pytest.raises(ApiException) as refused:
                ask(change)
            message = json.loads(refused.value.body or "{}")["message"]
            assert (policy in message, words in message) == (True, True), message
