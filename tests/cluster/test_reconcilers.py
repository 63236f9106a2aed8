"""The controllers of the tests act as those that they stand for."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers import crossplane
from tests.cluster.reconcilers.argocd import Applications
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.crossplane import Child, Claims, Composites, Definitions
from tests.cluster.reconcilers.databases import Databases
from tests.storage.postgres import postgres


@pytest.fixture
def databases(kube: KubeCluster) -> Iterator[Databases]:
    with postgres(kube.host) as server:
        yield Databases(server)


def definition(kube: KubeCluster, group: str, scope: str, **more: Any) -> None:
    kube.load_crds("crossplane")
    size = {"type": "object", "properties": {"size": {"type": "string"}}}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"parameters": size}}}}
    version = {"name": "v1", "served": True, "referenceable": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "XPostgres", "plural": "xpostgreses"}
    spec = {"group": group, "scope": scope, "names": names, "versions": [version], **more}
    kind = {"apiVersion": "apiextensions.crossplane.io/v1", "kind": "CompositeResourceDefinition"}
    kube.api.post(crossplane.DEFINITIONS, {**kind, "metadata": {"name": f"xpostgreses.{group}"}, "spec": spec})


def is_offered(kube: KubeCluster, group: str, count: int) -> bool:
    found = kube.api.get(f"{crossplane.DEFINITIONS}/xpostgreses.{group}")
    return len((found.get("status") or {}).get("conditions") or []) == count


def status_of(kube: KubeCluster, path: str, type_: str) -> str:
    found = kube.api.get(path)
    listed = (found.get("status") or {}).get("conditions") or []
    return next((one["status"] for one in listed if one["type"] == type_), "")


def test_a_claim_becomes_a_database_that_a_pod_connects_to(
    kube: KubeCluster, namespace: str, api_group: str, databases: Databases
) -> None:
    definition(kube, api_group, "LegacyCluster", claimNames={"kind": "Postgres", "plural": "postgreses"})
    path = crossplane.managed_kind(kube.api, api_group, "Instance")
    children = [Child("instance", path, "Instance", {"size": "small"})]
    claims, composites = f"/apis/{api_group}/v1/namespaces/{namespace}/postgreses", f"/apis/{api_group}/v1/xpostgreses"
    with Definitions(kube.api, api_group):
        waiting.until(lambda: is_offered(kube, api_group, 2), "the claim is offered")
    made = Composites(
        kube.api, composites, lambda _: children, connection=databases.connection, release=databases.release
    )
    with made, Claims(kube.api, claims, composites, "XPostgres"):
        claim = {
            "apiVersion": f"{api_group}/v1",
            "kind": "Postgres",
            "metadata": {"name": "orders"},
            "spec": {"parameters": {"size": "small"}, "writeConnectionSecretToRef": {"name": "orders-db"}},
        }
        kube.api.post(claims, claim)
        waiting.until(lambda: status_of(kube, f"{claims}/orders", "Ready") == "True", "the claim is ready")
        assert status_of(kube, f"{claims}/orders", "Synced") == "True"
        [composite] = kube.api.items(composites)
        assert [one["kind"] for one in composite["spec"]["resourceRefs"]] == ["Instance"]
        assert query(kube, namespace, "orders-db") == "1\n"
        assert len(databases.names()) == 1
        kube.api.delete(f"{claims}/orders")
        waiting.until(lambda: kube.api.find(f"{claims}/orders") is None, "the claim is gone")
        waiting.until(lambda: not kube.api.items(composites), "the composite is gone")
    assert not kube.api.items(path)
    assert databases.names() == set()


def query(kube: KubeCluster, namespace: str, secret: str) -> str:
    """Ask the database from a pod, with the credentials in its environment."""
    keys = {
        "PGHOST": "host",
        "PGPORT": "port",
        "PGUSER": "username",
        "PGPASSWORD": "password",
        "PGDATABASE": "database",
    }
    environment = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for name, key in keys.items()
    ]
    container = {
        "name": "main",
        "image": kube.postgres_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["psql", "-Atc", "SELECT 1"],
        "env": environment,
    }
    pods = f"/api/v1/namespaces/{namespace}/pods"
    kube.api.post(pods, {"metadata": {"name": "client"}, "spec": {"restartPolicy": "Never", "containers": [container]}})
    ended = ("Succeeded", "Failed")
    waiting.until(lambda: kube.api.get(f"{pods}/client")["status"]["phase"] in ended, "the pod has asked")
    return kube.api.text(f"{pods}/client/log")


def test_a_composite_of_version_2_says_which_child_holds_it_up(
    kube: KubeCluster, namespace: str, api_group: str
) -> None:
    definition(kube, api_group, "Namespaced")
    path = crossplane.managed_kind(kube.api, api_group, "Instance", namespaced=True)
    children = [Child("instance", path, "Instance", {}), Child("replica", path, "Instance", {})]
    composites = f"/apis/{api_group}/v1/namespaces/{namespace}/xpostgreses"
    with Definitions(kube.api, api_group):
        waiting.until(lambda: is_offered(kube, api_group, 1), "the composite is served")
    how = Behaviour(broken=("replica", "quota exceeded"))
    with Composites(kube.api, composites, lambda _: children, behaviour=how, is_v2=True):
        kind = {"apiVersion": f"{api_group}/v1", "kind": "XPostgres"}
        kube.api.post(composites, {**kind, "metadata": {"name": "orders"}, "spec": {"parameters": {}}})

        def says() -> str:
            listed = (kube.api.get(f"{composites}/orders").get("status") or {}).get("conditions") or []
            return next((one.get("message", "") for one in listed if one["type"] == "Ready"), "")

        assert waiting.until(says, "it says why") in (
            "Unready resources: replica",
            "Unready resources: instance, replica",
        )
        found = kube.api.get(f"{composites}/orders")
        assert len(found["spec"]["crossplane"]["resourceRefs"]) == 2
        how.broken = None
        waiting.until(lambda: status_of(kube, f"{composites}/orders", "Ready") == "True", "it is ready")


def test_an_application_is_synced_and_its_health_is_that_of_what_runs(kube: KubeCluster, namespace: str) -> None:
    kube.load_crds("argo-cd")
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    place = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "finalizers": [Applications.cascades]},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://github.com/acme/shop", "path": "deploy", "targetRevision": "main"},
            "destination": {"namespace": namespace, "server": "https://kubernetes.default.svc"},
            "syncPolicy": {"automated": {}},
        },
    }
    how = Behaviour(slow=1)
    with Applications(kube.api, namespace, manifests=lambda _: [(place, settings)], behaviour=how) as argo:
        kube.api.post(argo.path, application)

        def health() -> Any:
            return (kube.api.get(f"{argo.path}/shop").get("status") or {}).get("health", {}).get("status")

        waiting.until(lambda: health() == "Healthy", "it is healthy")
        status = kube.api.get(f"{argo.path}/shop")["status"]
        assert status["sync"]["status"] == "Synced"
        assert status["operationState"]["phase"] == "Succeeded"
        assert [one["name"] for one in status["resources"]] == ["settings"]
        assert kube.api.get(place)["data"] == {"a": "b"}
        kube.api.delete(f"{argo.path}/shop")
        waiting.until(lambda: kube.api.find(f"{argo.path}/shop") is None, "it is gone")
    assert kube.api.find(place) is None


def test_a_role_of_another_database_is_not_let_in(databases: Databases) -> None:
    one, other = ({"metadata": {"name": name}} for name in ("one", "other"))
    first = databases.connection(one)
    databases.connection(other)
    wrong = f"host={first['host']} port={first['port']} user=other dbname=other password={first['password']}"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
