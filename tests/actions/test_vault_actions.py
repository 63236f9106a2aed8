"""The actions ``vault:*`` with a real OpenBao, a real PostgreSQL and a real Kubernetes API server."""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backstage_py.errors import AuthenticationError, InputError, NotAllowedError, NotFoundError, SettingsError
from backstage_py.integrations.vault.server import KubernetesLogin, Vault
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.integrations import kube_server, openbao
from tests.integrations.kube_server import KubeServer
from tests.integrations.openbao import OpenBao
from tests.storage.postgres import Postgres, postgres

pytestmark = pytest.mark.xdist_group("openbao")
EVERYTHING = {name: ["*"] for name in ("read", "write", "policies", "policyPaths", "roles", "namespaces", "databases")}


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao.serve() as running:
        yield running


@pytest.fixture(scope="module")
def mount(bao: OpenBao) -> str:
    return bao.kv()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        running.new_database("shop")
        yield running


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    with kube_server.serve(tmp_path_factory.mktemp("kube")) as running:
        yield running


def task(folder: Path, bao: OpenBao, *rules: dict[str, Any], token: str = "", **vault: Any) -> Task:
    allow = {"allow": list(rules)} if rules else {}
    config = {"vault": {"baseUrl": bao.url, "token": token or bao.root, **allow, **vault}}
    return Task(folder, Services(config=config))


async def test_a_secret_is_written_once_and_referred_to(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    path = f"{mount}/shop"
    one = task(tmp_path, bao, {"write": [path], "read": [path]})
    wanted = {"path": path, "values": {"PASSWORD": "hunter2", "PORT": 5432}}
    references = {"PASSWORD": f"{path}#PASSWORD", "PORT": f"{path}#PORT"}
    for _ in range(2):
        written = await one.run("vault:kv:write", wanted)
        assert written.outputs == {"path": path, "references": references, "version": 1}
        assert "hunter2" not in str(written)
    await one.run("vault:kv:write", {"path": path, "values": {"USER": "shop"}})
    read = await one.run("vault:kv:read", {"path": path})
    assert read.outputs == {"path": path, "references": {**references, "USER": f"{path}#USER"}}
    await one.run("vault:kv:write", {"path": path, "values": {"ONLY": "this"}, "replace": True})
    assert bao.versions(mount, "shop")[-1] == {"ONLY": "this"}
    with pytest.raises(NotFoundError, match="has no key 'USER'"):
        await one.run("vault:kv:read", {"path": path, "keys": ["USER"]})
    bao.put(mount, "elsewhere", {"a": "b"})
    with pytest.raises(NotAllowedError, match=f"may not read the path '{mount}/elsewhere' of Vault"):
        await one.run("vault:kv:read", {"path": f"{mount}/elsewhere"})
    with pytest.raises(NotAllowedError, match=f"may not write the path '{mount}/elsewhere' of Vault"):
        await one.run("vault:kv:write", {"path": f"{mount}/elsewhere", "values": {"a": "c"}})
    assert bao.versions(mount, "elsewhere") == [{"a": "b"}]


async def test_engines_of_version_1_and_of_other_types(bao: OpenBao, tmp_path: Path) -> None:
    old, pki = bao.kv(1), bao.mount("pki")
    one = task(tmp_path, bao, EVERYTHING)
    await one.run("vault:kv:write", {"path": f"{old}/shop", "values": {"A": "1"}})
    await one.run("vault:kv:write", {"path": f"{old}/shop", "values": {"B": "2"}})
    assert bao.client.secrets.kv.v1.read_secret("shop", mount_point=old)["data"] == {"A": "1", "B": "2"}
    read = await one.run("vault:kv:read", {"path": f"{old}/shop"})
    assert read.outputs["references"] == {"A": f"{old}/shop#A", "B": f"{old}/shop#B"}
    with pytest.raises(InputError, match=f"'{pki}' is a mount of type 'pki' in Vault, not of type 'kv'"):
        await one.run("vault:kv:write", {"path": f"{pki}/shop", "values": {"A": "1"}})


ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("vault:kv:write", {"path": "secrets/shop", "values": {"a": "b"}}),
    ("vault:kv:read", {"path": "secrets/shop", "keys": ["a"]}),
    ("vault:policy:write", {"name": "shop", "paths": {"secrets/data/shop": ["read"]}}),
    ("vault:role:create", {"name": "shop", "serviceAccounts": ["s"], "namespaces": ["n"], "policies": ["shop"]}),
    ("vault:database:role", {"name": "shop", "database": "shop", "access": "readonly"}),
]
DATABASES = {"shop": {"connection": "shop", "access": {"readonly": {"statements": ["SELECT 1"]}}}}


@pytest.mark.parametrize(("action", "given"), ACTIONS)
async def test_nothing_is_done_without_rules_or_in_a_dry_run(
    bao: OpenBao, tmp_path: Path, action: str, given: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowedError, match=r"has to say in 'vault\.allow' what they may use"):
        await task(tmp_path, bao, databases=DATABASES).run(action, given)
    tried = task(tmp_path, bao, EVERYTHING, token="not used", databases=DATABASES)
    tried_out = await tried.run(action, given, dry_run=True)
    assert tried_out.log.messages[-1].startswith("Would ")
    assert tried_out.outputs
    with pytest.raises(NotAllowedError):
        await task(tmp_path, bao, {"read": []}, databases=DATABASES).run(action, given, dry_run=True)
    author = await Task(tmp_path).run(action, given, dry_run=True)
    assert author.log.messages[0] == "No Vault is configured; the dry run asks none"
    assert author.outputs.keys() == tried_out.outputs.keys()


async def test_a_policy_opens_what_the_rules_name_and_nothing_else(bao: OpenBao, mount: str, tmp_path: Path) -> None:
    bao.put(mount, "team/shop", {"a": "b"})
    rule = {"policies": ["team-*"], "policyPaths": [f"{mount}/data/team/*"]}
    one = task(tmp_path, bao, rule)
    paths = {f"{mount}/data/team/*": ["read"]}
    for _ in range(2):
        assert (await one.run("vault:policy:write", {"name": "team-shop", "paths": paths})).outputs == {
            "name": "team-shop"
        }
    made: Any = bao.client.auth.token.create(policies=["team-shop"])
    token = made["auth"]["client_token"]
    read = await task(tmp_path, bao, EVERYTHING, token=token).run("vault:kv:read", {"path": f"{mount}/team/shop"})
    assert read.outputs["references"] == {"a": f"{mount}/team/shop#a"}
    with pytest.raises(NotAllowedError, match="no policy for it"):
        await task(tmp_path, bao, EVERYTHING, token=token).run("vault:kv:read", {"path": f"{mount}/other"})
    for name, path in (("root-shop", f"{mount}/data/team/x"), ("team-x", "sys/*"), ("team-x", f"{mount}/data/+/shop")):
        with pytest.raises(NotAllowedError, match="of Vault; the operator's"):
            await one.run("vault:policy:write", {"name": name, "paths": {path: ["read"]}})
    with pytest.raises(InputError):
        await one.run("vault:policy:write", {"name": "team-x", "paths": {f"{mount}/data/team/x": ["sudo"]}})


async def test_a_role_of_a_database_gives_users_that_really_sign_in(
    bao: OpenBao, server: Postgres, tmp_path: Path
) -> None:
    with server.connect("shop") as connection:
        connection.execute("CREATE TABLE orders (id int)")
    mount = bao.database(server, "shop")
    statements = [
        "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'",
        'GRANT SELECT ON orders TO "{{name}}"',
    ]
    databases = {
        "shop": {"mount": mount, "connection": "shop", "access": {"readonly": {"statements": statements}}},
        "broken": {"mount": mount, "connection": "shop", "access": {"readonly": {"statements": 5}}},
    }
    one = task(tmp_path, bao, {"databases": [f"{mount}/team-*"]}, databases=databases)
    wanted = {"name": "team-shop", "database": "shop", "access": "readonly"}
    await one.run("vault:database:role", wanted)
    made = await one.run("vault:database:role", wanted)
    path = f"{mount}/creds/team-shop"
    assert made.outputs["references"] == {"username": f"{path}#username", "password": f"{path}#password"}
    leased: Any = bao.client.read(path)
    with psycopg.connect(
        host="127.0.0.1", port=server.port, dbname="shop", user=leased["data"]["username"]
    ) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO orders VALUES (1)")
    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"name": "root"}, NotAllowedError),
        ({"database": "nowhere"}, NotFoundError),
        ({"access": "owner"}, NotFoundError),
        ({"database": "broken"}, SettingsError),
        ({"name": "../team-x"}, InputError),
    ]
    for change, error in refused:
        with pytest.raises(error):
            await one.run("vault:database:role", {**wanted, **change})


def kubernetes(kube: KubeServer, path: str, body: dict[str, Any]) -> Any:
    context = ssl.create_default_context(cadata=kube.certificate)
    headers = {"Authorization": f"Bearer {kube.admin}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{kube.url}{path}", json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(request) as answer:
        return json.loads(answer.read())


def account_token(kube: KubeServer, namespace: str, name: str) -> str:
    metadata = {"metadata": {"name": namespace}}
    kubernetes(kube, "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", **metadata})
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    kubernetes(kube, accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    return str(kubernetes(kube, f"{accounts}/{name}/token", wanted)["status"]["token"])


@pytest.mark.thorough
async def test_a_role_lets_a_service_account_sign_in_that_the_cluster_vouches_for(
    bao: OpenBao, mount: str, kube: KubeServer, tmp_path: Path
) -> None:
    bao.client.sys.enable_auth_method("kubernetes", path="cluster")
    bao.client.auth.kubernetes.configure(
        kube.url,
        kubernetes_ca_cert=kube.certificate,
        token_reviewer_jwt=kube.admin,
        disable_local_ca_jwt=True,
        mount_point="cluster",
    )
    bao.client.sys.create_or_update_policy(
        "team-k", f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}'
    )
    rule = {"roles": ["cluster/team-*"], "namespaces": ["team-*"], "policies": ["team-*"]}
    one = task(tmp_path, bao, rule)
    wanted = {
        "name": "team-shop",
        "authPath": "cluster",
        "serviceAccounts": ["shop"],
        "namespaces": ["team-a"],
        "policies": ["team-k"],
        "ttl": "10m",
    }
    await one.run("vault:role:create", wanted)
    made = await one.run("vault:role:create", wanted)
    assert made.outputs == {"name": "team-shop", "authPath": "cluster"}
    token = tmp_path / "token"
    token.write_text(account_token(kube, "team-a", "shop"))
    login = KubernetesLogin("team-shop", "cluster", str(token))
    assert await Vault(bao.url, login).add(f"{mount}/of-the-pod", "A", "1") is False
    token.write_text(account_token(kube, "team-b", "shop"))
    with pytest.raises(NotAllowedError):
        await Vault(bao.url, login).add(f"{mount}/of-the-pod", "A", "1")
    token.write_text("nonsense")
    with pytest.raises((AuthenticationError, NotAllowedError, InputError)):
        await Vault(bao.url, login).add(f"{mount}/of-the-pod", "A", "1")
    for change in (
        {"name": "root"},
        {"namespaces": ["*"]},
        {"namespaces": ["team-a", "kube-system"]},
        {"policies": ["root"]},
    ):
        with pytest.raises(NotAllowedError, match="of Vault; the operator's"):
            await one.run("vault:role:create", {**wanted, **change})
