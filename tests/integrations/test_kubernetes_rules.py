"""Who may use a cluster's credentials for what, and where they come from."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from backstage_py.errors import NotAllowedError, NotFoundError, SettingsError
from backstage_py.integrations.kubernetes import clusters
from backstage_py.plugin import Services, TemplateInfo
from backstage_py.settings import schema
from tests.actions.harness import Catalog, Task
from tests.integrations import kube_server
from tests.integrations.kube_server import KubeServer

pytestmark = pytest.mark.xdist_group("api_server")
SOURCE = "https://github.com/acme/templates/tree/main/shop/template.yaml"


@pytest.fixture(scope="module")
def server(api_server: KubeServer) -> KubeServer:
    return api_server


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


@pytest.mark.thorough
async def test_without_a_rule_nobody_gets_the_credentials(task: Task, server: KubeServer) -> None:
    entry = server.entry()
    del entry["allow"]
    task.configured(kubernetes={"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]})
    with pytest.raises(NotAllowedError, match="The cluster 'dev' is not open to templates: give a token of your own"):
        await task.run("kube:apply", {"manifest": manifest()})
    result = await task.run("kube:apply", {"manifest": manifest(), "token": server.admin})
    assert result.log.messages == ["Successfully created/updated ConfigMap/default/mine."]


@pytest.mark.thorough(sample=1)
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


def kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://c.example/", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "config").write_text(json.dumps(content))
    method = {"type": "kubeconfig", "path": str(folder / "config"), "allow": [kube_server.EVERYTHING]}
    return {"kubernetes": {"clusterLocatorMethods": [method]}}


def test_a_kubeconfig_gives_token_certificate_and_authority(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "key.pem").write_text("KEY")
    data = base64.b64encode(b"CERT").decode()
    user = {"tokenFile": "token", "client-certificate-data": data, "client-key": "key.pem"}
    config = kubeconfig(tmp_path, user, **{"certificate-authority-data": base64.b64encode(b"CA").decode()})
    found = clusters.find(config, "staging")
    assert (found.url, found.token, found.ca) == ("https://c.example", "from-file", "CA")
    assert (found.certificate, found.key) == ("CERT", "KEY")
    assert found.rules is not None
    own = clusters.find(config, None, token="mine")
    assert (own.token, own.certificate, own.key) == ("mine", None, None)


async def test_a_kubeconfig_starts_no_program_unless_that_is_allowed(
    tmp_path: Path, task: Task, server: KubeServer
) -> None:
    plugin = tmp_path / "plugin"
    status = {"token": server.admin}
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    plugin.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho '{json.dumps(credential)}'\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    ca = {"certificate-authority-data": server.entry()["caData"]}
    config = kubeconfig(tmp_path, {"exec": run}, server=server.url, **ca)
    task.configured(**config)
    with pytest.raises(SettingsError, match=r"the context 'staging' runs the program .*; set 'allowExec'"):
        await task.run("kube:apply", {"manifest": manifest()})
    assert not (tmp_path / "ran").exists()
    config["kubernetes"]["clusterLocatorMethods"][0]["allowExec"] = True
    assert (await task.run("kube:apply", {"manifest": manifest()})).log.messages
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"auth-provider": {"name": "gcp"}}, "has 'auth-provider', which is not supported"),
        ({"username": "a", "password": "b"}, "has 'username'"),
        ({"tokenFile": "none"}, "names a file that cannot be read"),
        ({"client-certificate-data": "%"}, "has a 'client-certificate-data' that is not base64"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, user: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=f"the context 'staging' {message}"):
        clusters.find(kubeconfig(tmp_path, user), "staging")


def test_a_kubeconfig_offers_the_contexts_that_are_chosen(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, {"token": "t"})
    config["kubernetes"]["clusterLocatorMethods"][0]["contexts"] = ["prod"]
    with pytest.raises(SettingsError, match="has no context 'prod'; it has staging"):
        clusters.find(config, "prod")
    with pytest.raises(NotFoundError, match="it has staging"):
        clusters.find(kubeconfig(tmp_path, {"token": "t"}), "other")


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


def test_the_configuration_that_is_documented_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text()
    block = text.partition("```yaml\n")[2].partition("```")[0].replace("${DEV_CA}", base64.b64encode(b"PEM").decode())
    config = yaml.safe_load(block)
    assert list(Draft7Validator(schema.app_config()).iter_errors(config)) == []
    dev = clusters.find(config, "dev")
    assert [rule.namespaces for rule in dev.rules or ()] == [("*",), ("team-*",)]
    assert clusters.find(config, "home", token="t").rules is not None
