"""Who may use a cluster's credentials for what, and where they come from."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import NotAllowedError, SettingsError
from backstage_py.integrations.kubernetes import clusters
from backstage_py.plugin import Services, TemplateInfo
from tests.actions.harness import Catalog, Task
from tests.integrations import kube_server
from tests.integrations.kube_server import KubeServer

SOURCE = "https://github.com/acme/templates/tree/main/shop/template.yaml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    with kube_server.serve(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


@pytest.fixture
def task(tmp_path: Path) -> Task:
    owned = [{"type": "ownedBy", "targetRef": "group:default/platform"}]
    catalog = Catalog({"template:default/demo": {"kind": "Template", "relations": owned}})
    return Task(tmp_path / "task", Services(config={}, catalog=catalog), base_url=SOURCE)


def manifest(kind: str = "ConfigMap", namespace: str = "default", version: str = "v1") -> str:
    name = {"name": "mine", "namespace": namespace} if namespace else {"name": "mine"}
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": name})


async def apply(task: Task, server: KubeServer, content: str, *rules: dict[str, Any], **given: Any) -> list[str]:
    entry = server.entry() | {"allow": list(rules)}
    task.configured(kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]})
    return (await task.run("kube:apply", {"manifest": content, **given})).log.messages


async def test_without_a_rule_nobody_gets_the_credentials(task: Task, server: KubeServer) -> None:
    entry = server.entry()
    del entry["allow"]
    task.configured(kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]})
    with pytest.raises(NotAllowedError, match="The cluster 'dev' is not open to templates: give a token of your own"):
        await task.run("kube:apply", {"manifest": manifest()})
    result = await task.run("kube:apply", {"manifest": manifest(), "token": server.admin})
    assert result.log.messages == ["Successfully created/updated ConfigMap/default/mine."]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"namespaces": ["*"], "kinds": ["Deployment.apps"]},
        {"namespaces": ["team-*"], "kinds": ["*"]},
        {"clusterKinds": ["*"]},
        {"namespaces": ["*"], "kinds": ["*"], "owners": ["group:default/others", "user:*"]},
        {"namespaces": ["*"], "kinds": ["*"], "sources": ["https://github.com/acme/templates-*"]},
        {"namespaces": ["*"], "kinds": ["*"], "owners": ["group:*"], "sources": ["https://gitlab.com/*"]},
    ],
)
async def test_what_no_rule_covers_is_refused(task: Task, server: KubeServer, rule: dict[str, Any]) -> None:
    with pytest.raises(NotAllowedError, match="This template may not use ConfigMap in the namespace 'default'"):
        await apply(task, server, manifest(), rule)


@pytest.mark.parametrize(
    "rule",
    [
        {"namespaces": ["def*"], "kinds": ["ConfigMap"]},
        {"namespaces": ["*"], "kinds": ["*"], "owners": ["Group:default/Platform"]},
        {"namespaces": ["*"], "kinds": ["*"], "sources": ["https://github.com/acme/templates/*"]},
    ],
)
async def test_what_a_rule_covers_is_done(task: Task, server: KubeServer, rule: dict[str, Any]) -> None:
    assert await apply(task, server, manifest(), {"kinds": ["Secret"]}, rule)


async def test_a_source_that_climbs_is_not_below_what_it_begins_with(tmp_path: Path, server: KubeServer) -> None:
    climbs = "https://github.com/acme/../evil/templates/template.yaml"
    task = Task(tmp_path / "task", Services(config={}), base_url=climbs)
    with pytest.raises(NotAllowedError):
        await apply(
            task, server, manifest(), {"namespaces": ["*"], "kinds": ["*"], "sources": ["https://github.com/acme/*"]}
        )


async def test_kinds_of_the_whole_cluster_need_their_own_list(task: Task, server: KubeServer) -> None:
    wide = {"namespaces": ["*"], "kinds": ["*"]}
    role = manifest("ClusterRole", "", "rbac.authorization.k8s.io/v1")
    with pytest.raises(NotAllowedError, match=r"ClusterRole\.rbac\.authorization\.k8s\.io of the whole cluster"):
        await apply(task, server, role, wide)
    assert await apply(task, server, role, wide, {"clusterKinds": ["ClusterRole.*"]})


async def test_a_namespace_may_be_made_where_its_name_may_be_used(task: Task, server: KubeServer) -> None:
    rule = {"namespaces": ["mine"], "kinds": ["Namespace"]}
    assert await apply(task, server, manifest("Namespace", ""), rule)
    with pytest.raises(NotAllowedError, match="Namespace of the whole cluster"):
        await apply(task, server, manifest("Namespace", "").replace("mine", "kube-system"), rule)


async def test_a_step_without_a_template_has_what_all_have(task: Task, server: KubeServer) -> None:
    assert TemplateInfo("template:default/demo", SOURCE).base_url == SOURCE
    task.services.catalog.entities.clear()  # type: ignore[union-attr]  # the harness's
    with pytest.raises(NotAllowedError):
        await apply(task, server, manifest(), {"namespaces": ["*"], "kinds": ["*"], "owners": ["*"]})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("all", "a rule is an object"),
        ({"namespace": ["x"]}, "it has 'namespace'; a rule has owners"),
        ({"kinds": "Pod"}, "kinds.*should be a list of texts"),
    ],
)
async def test_a_rule_that_is_none_is_named(task: Task, server: KubeServer, rule: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        await apply(task, server, manifest(), rule)


def test_a_client_certificate_stands_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("KEY")
    entry = {
        "name": "dev",
        "url": "https://dev",
        "authProvider": "clientCertificate",
        "keyFile": str(tmp_path / "key.pem"),
    }
    config = {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}}
    with pytest.raises(SettingsError, match="the cluster 'dev' needs 'certData' or 'certFile'"):
        clusters.find(config, "dev")
    entry["certData"] = base64.b64encode(b"CERT").decode()
    found = clusters.find(config, "dev")
    assert (found.certificate, found.key, found.token) == ("CERT", "KEY", None)
