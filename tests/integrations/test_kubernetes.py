import base64
import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import (
    AuthenticationError,
    ConflictError,
    InputError,
    NotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
    SettingsError,
)
from backstage_py.integrations.kubernetes import api, applying, clusters
from backstage_py.integrations.kubernetes import manifest as manifests
from backstage_py.integrations.kubernetes.applying import Applied, Manner
from backstage_py.integrations.kubernetes.clusters import Cluster
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.model.yaml import YamlError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.integrations.kube_server import KubeServer

pytestmark = pytest.mark.xdist_group("api_server")
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: databases.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: databases, singular: database, kind: Database}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {{type: object, required: [size], properties: {{size: {{type: integer}}}}}}
"""


@pytest.fixture(scope="module")
def server(api_server: KubeServer) -> KubeServer:
    return api_server


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path / "task", Services(config={}))


@pytest.fixture
def dev(server: KubeServer) -> Cluster:
    return clusters.find(configured(server.entry()), "dev")


def configured(*clusters: dict[str, Any]) -> dict[str, Any]:
    return {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": list(clusters)}]}}


def read(server: KubeServer, path: str) -> Any:
    """What the server holds, asked without the code under test."""
    context = ssl.create_default_context(cadata=server.certificate)
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {server.admin}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(request) as answer:
        return json.loads(answer.read())


def config_map(name: str, data: dict[str, str], **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data}


async def apply(cluster: Cluster, *manifest: dict[str, Any], force: bool = False, manager: str = "ours") -> None:
    async with api.connect(cluster, Caller(has_own_token=True)) as kube:
        await applying.apply(kube, manifest, Manner(force=force, field_manager=manager))


@pytest.mark.thorough
async def test_several_documents_are_applied_in_their_order(server: KubeServer, task: Task) -> None:
    task.configured(**configured(server.entry()))
    manifest = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: settings, namespace: shop}
  data: {port: "8080"}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: shop-reader}
  rules: []
"""
    result = await task.run("kube:apply", {"manifest": manifest, "namespaced": True, "clusterName": "dev"})
    assert [line.rstrip(".").split()[-1] for line in result.log.messages] == [
        "Namespace/shop",
        "ConfigMap/shop/settings",
        "ClusterRole/shop-reader",
    ]
    assert read(server, "/api/v1/namespaces/shop/configmaps/settings")["data"] == {"port": "8080"}


@pytest.mark.thorough
async def test_what_others_own_of_an_object_stays(server: KubeServer, dev: Cluster) -> None:
    await apply(dev, config_map("mixed", {"a": "1", "b": "1"}))
    await apply(dev, config_map("mixed", {"c": "3"}, labels={"team": "x"}), manager="somebody")
    await apply(dev, config_map("mixed", {"a": "2"}))
    found = read(server, "/api/v1/namespaces/default/configmaps/mixed")
    assert found["data"] == {"a": "2", "c": "3"}
    assert found["metadata"]["labels"] == {"team": "x"}


async def test_a_conflict_names_the_owner_and_is_won_only_by_force(server: KubeServer, dev: Cluster) -> None:
    await apply(dev, config_map("owned", {"a": "theirs"}), manager="flux")
    with pytest.raises(ConflictError, match=r'Failed to apply ConfigMap/default/owned: .*conflict with "flux"'):
        await apply(dev, config_map("owned", {"a": "ours"}))
    assert read(server, "/api/v1/namespaces/default/configmaps/owned")["data"] == {"a": "theirs"}
    await apply(dev, config_map("owned", {"a": "ours"}), force=True)
    assert read(server, "/api/v1/namespaces/default/configmaps/owned")["data"] == {"a": "ours"}


@pytest.mark.thorough
async def test_a_kind_of_the_same_manifest_is_waited_for(server: KubeServer, dev: Cluster) -> None:
    database = {"apiVersion": "shop.example/v1", "kind": "Database", "metadata": {"name": "orders"}}
    manifest = [*manifests.objects(CRD.format(group="shop.example")), {**database, "spec": {"size": 3}}]
    await apply(dev, *manifest)
    found = read(server, "/apis/shop.example/v1/namespaces/default/databases/orders")
    assert found["spec"] == {"size": 3}
    with pytest.raises(InputError, match=r"Failed to apply Database/default/small: .*spec\.size: Required"):
        await apply(dev, {**database, "metadata": {"name": "small"}, "spec": {}})


async def test_a_generated_name_makes_a_new_object_each_time(server: KubeServer, dev: Cluster) -> None:
    generated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "job-"}, "data": {}}
    made: list[Applied] = []
    async with api.connect(dev, Caller(has_own_token=True)) as kube:
        for _ in range(2):
            await applying.apply(kube, [generated], on_applied=made.append)
    names = {one.object["metadata"]["name"] for one in made}
    assert len(names) == 2
    assert all(name.startswith("job-") for name in names)


async def test_a_kind_that_is_not_there_is_named(dev: Cluster) -> None:
    wrong = {"apiVersion": "apps/v1", "kind": "Deploymint", "metadata": {"name": "x"}}
    with pytest.raises(NotFoundError, match="The cluster 'dev' has no kind Deploymint in apps/v1; check the spelling"):
        await apply(dev, wrong)
    with pytest.raises(NotFoundError, match=r"no kind Thing in nowhere\.example/v1"):
        await apply(dev, {**wrong, "apiVersion": "nowhere.example/v1", "kind": "Thing"})


async def test_names_and_namespaces_cannot_leave_their_place_in_the_path(server: KubeServer, dev: Cluster) -> None:
    with pytest.raises((InputError, NotFoundError)):
        await apply(dev, config_map("x", {}, namespace="default/../kube-system"))
    with pytest.raises((InputError, NotFoundError)):
        await apply(dev, config_map("../secrets/x", {}))
    listed = read(server, "/api/v1/namespaces/kube-system/configmaps")["items"]
    assert "x" not in {one["metadata"]["name"] for one in listed}


async def test_the_cluster_decides_who_may_do_what(server: KubeServer, task: Task) -> None:
    task.configured(**configured(server.entry()))
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}}"
    with pytest.raises(NotAllowedError, match='User "nobody" cannot patch resource "configmaps"'):
        await task.run("kube:apply", {"manifest": manifest, "token": server.nobody})
    with pytest.raises(AuthenticationError, match=r"does not know who asks \(Unauthorized\): .*has expired.*renew it"):
        await task.run("kube:apply", {"manifest": manifest, "token": "wrong"})


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
async def test_a_certificate_of_somebody_else_is_refused(server: KubeServer) -> None:
    strange = Cluster("strange", server.url, server.admin)
    with pytest.raises(ServiceUnavailableError, match=r"The cluster 'strange' does not answer: .*CERTIFICATE_VERIFY"):
        await apply(strange, config_map("tls", {}))
    await apply(Cluster("strange", server.url, server.admin, verify=False), config_map("tls", {}))


async def test_a_cluster_that_does_not_answer_is_named() -> None:
    with pytest.raises(ServiceUnavailableError, match="The cluster 'gone' does not answer"):
        await apply(Cluster("gone", "http://127.0.0.1:1"), config_map("x", {}))


async def test_a_cancelled_task_applies_no_further_object(server: KubeServer, dev: Cluster) -> None:
    made: list[Applied] = []
    manifest = [config_map(f"cancelled-{number}", {}) for number in range(3)]
    async with api.connect(dev, Caller(has_own_token=True)) as kube:
        await applying.apply(kube, manifest, on_applied=made.append, is_cancelled=lambda: bool(made))
    assert [one.name for one in made] == ["ConfigMap/default/cancelled-0"]


async def test_cnoe_takes_a_text_an_object_or_a_file(server: KubeServer, task: Task) -> None:
    task.configured(**configured(server.entry()))
    manifest = config_map("from-object", {"by": "object"})
    (task.workspace.root / "m.yaml").write_text(json.dumps(config_map("from-file", {"by": "file"})))
    for given in ({"manifestObject": manifest}, {"manifestPath": "m.yaml"}):
        await task.run("cnoe:kubernetes:apply", {**given, "namespaced": True})
    for name in ("manifestString", "manifest"):
        text = json.dumps(config_map("from-text", {"by": "text"}))
        await task.run("cnoe:kubernetes:apply", {name: text, "manifestPath": "none", "namespaced": True})
    for kind in ("object", "file", "text"):
        assert read(server, f"/api/v1/namespaces/default/configmaps/from-{kind}")["data"] == {"by": kind}
    with pytest.raises(NotAllowedError):
        await task.run("cnoe:kubernetes:apply", {"manifestPath": "../../etc/passwd", "namespaced": True})
    with pytest.raises(InputError, match="Give one of manifestString"):
        await task.run("cnoe:kubernetes:apply", {"namespaced": True})


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("kind: ConfigMap", "Document 1 of the manifest needs 'apiVersion', 'kind' and 'metadata'"),
        ("- a", "Document 1"),
        ("{apiVersion: v1, kind: Pod, metadata: {}}", "needs 'metadata.name' or 'metadata.generateName'"),
        ("---\n" * 2 + "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\nx", "Document 2"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n" * 501, "more than 500 objects"),
        ("#" * (5 * 1024 * 1024 + 1), "larger than 5 MiB"),
    ],
)
def test_a_manifest_is_looked_at_before_the_cluster_is_called(manifest: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        manifests.objects(manifest)


def test_a_manifest_that_is_no_yaml_says_where() -> None:
    with pytest.raises(YamlError, match="manifest"):
        manifests.objects("a: [")


def test_a_cluster_is_found_by_name_or_when_it_is_the_only_one(tmp_path: Path) -> None:
    ca = base64.b64encode(b"PEM").decode()
    dev = {"name": "dev", "url": "https://dev/", "serviceAccountToken": "t", "caData": ca, "skipTLSVerify": True}
    config = configured(dev)
    assert clusters.find(config, None) == Cluster("dev", "https://dev", "t", "PEM", verify=False)
    assert clusters.find(config, "dev", token="other").token == "other"
    two = configured(dev, {**dev, "name": "prod"})
    with pytest.raises(InputError, match="give clusterName one of: dev, prod"):
        clusters.find(two, None)
    with pytest.raises(NotFoundError, match=r"Cluster with name x not found in .*; it has dev, prod"):
        clusters.find(two, "x")
    with pytest.raises(InputError, match="No Kubernetes cluster is configured"):
        clusters.find({}, None, account=tmp_path / "none")


def test_in_a_pod_its_own_cluster_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pod\n")
    (tmp_path / "ca.crt").write_text("PEM")
    found = clusters.find({}, None, account=tmp_path)
    assert (found.url, found.token, found.ca) == ("https://kubernetes.default.svc", "pod", "PEM")
    proxied = {"kubernetes": {"clusterLocatorMethods": [{"type": "localKubectlProxy"}]}}
    assert clusters.find(proxied, "local").url == "http://localhost:8001"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "dev"}, "needs a 'url'"),
        ({"serviceAccountToken": None}, "needs a 'serviceAccountToken'"),
        ({"authProvider": "google"}, "has the authProvider 'google'"),
        ({"caData": "%"}, "not base64"),
        ({"caFile": "/nowhere"}, "cannot be read"),
    ],
)
def test_a_cluster_that_is_configured_wrongly_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    config = configured({"name": "dev", "url": "https://dev", "serviceAccountToken": "t", **change})
    with pytest.raises(SettingsError, match=f"the cluster 'dev' .*{message}"):
        clusters.find(config, "dev", account=tmp_path)
