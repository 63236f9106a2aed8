"""``externalsecret:create`` and ``sealedsecret:create`` against the real kinds, on a real API server."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from backstage_py.errors import InputError, NotAllowedError
from backstage_py.integrations.kubernetes.waiting import WaitedInVainError
from backstage_py.plugin import Services
from tests import patience
from tests.actions.harness import Task
from tests.cluster import crds
from tests.cluster.calls import Api
from tests.integrations.kube_server import KubeServer

pytestmark = pytest.mark.xdist_group("api_server")
CONTROLLER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: Any = CONTROLLER, days: int = 365) -> str:
    """Return a certificate as the controller makes it: signed by itself, in PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sealed-secret")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=500))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def unsealed(text: str, label: str) -> str:
    """Open a value as the controller does: with its private key and the label of the secret's place."""
    content = base64.b64decode(text)
    length = int.from_bytes(content[:2], "big")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label.encode())
    session = CONTROLLER.decrypt(content[2 : 2 + length], oaep)
    return AESGCM(session).decrypt(bytes(12), content[2 + length :], None).decode()


@pytest.fixture(scope="module")
def server(api_server: KubeServer) -> KubeServer:
    crds.load(api_server.api, "external-secrets", "sealed-secrets")
    return api_server


def task(folder: Path, server: KubeServer, allow: dict[str, Any] | None = None, **config: Any) -> Task:
    entry = {**server.entry(), **({"allow": [allow]} if allow else {})}
    clusters = {"clusterLocatorMethods": [{"type": "config", "clusters": [entry]}]}
    return Task(folder, Services(config={"kubernetes": clusters, **config}))


def external(admin: Api, place: str, name: str = "shop") -> Any:
    return admin.find(f"/apis/external-secrets.io/v1/namespaces/{place}/externalsecrets/{name}")


@pytest.mark.thorough
async def test_a_secret_of_a_store_is_referred_to_and_waited_for(
    server: KubeServer, admin: Api, place: str, tmp_path: Path
) -> None:
    given = {
        "name": "shop",
        "namespace": place,
        "store": {"name": "vault"},
        "data": {"PASSWORD": "secrets/shop#password", "ALL": "secrets/all"},
        "extract": ["secrets/more"],
        "targetName": "shop-database",
        "refreshInterval": "15m",
        "wait": True,
    }
    running = asyncio.create_task(task(tmp_path, server).run("externalsecret:create", given))
    async with patience.bounded():
        while external(admin, place) is None:  # noqa: ASYNC110  # as the operator sees it
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    assert not running.done()
    ready = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}
    path = f"/apis/external-secrets.io/v1/namespaces/{place}/externalsecrets/shop/status"
    admin.patch(path, {"status": {"conditions": [{**ready, "lastTransitionTime": "2026-11-30T00:00:00Z"}]}})
    result = await running
    assert result.log.messages[0] == f"ExternalSecret/{place}/shop created"
    assert "Ready=True" in result.log.messages[-1]
    spec = external(admin, place)["spec"]
    assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert spec["refreshInterval"] == "15m"
    assert spec["target"]["name"] == "shop-database"
    assert [(one["secretKey"], one["remoteRef"]["key"], one["remoteRef"].get("property")) for one in spec["data"]] == [
        ("PASSWORD", "secrets/shop", "password"),
        ("ALL", "secrets/all", None),
    ]
    assert spec["dataFrom"][0]["extract"]["key"] == "secrets/more"
    again = await task(tmp_path, server).run("externalsecret:create", {**given, "wait": False})
    assert again.log.messages == [f"ExternalSecret/{place}/shop unchanged"]


async def test_a_secret_that_does_not_come_says_what_the_operator_said(
    server: KubeServer, admin: Api, place: str, tmp_path: Path
) -> None:
    given = {"name": "shop", "namespace": place, "store": {"name": "vault"}, "data": {"A": "b#c"}}
    await task(tmp_path, server).run("externalsecret:create", given)
    wrong = {"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": "could not get secret data"}
    path = f"/apis/external-secrets.io/v1/namespaces/{place}/externalsecrets/shop/status"
    admin.patch(path, {"status": {"conditions": [{**wrong, "lastTransitionTime": "2026-11-30T00:00:00Z"}]}})
    with pytest.raises(WaitedInVainError, match=r"SecretSyncedError: could not get secret data"):
        await task(tmp_path, server).run("externalsecret:create", {**given, "wait": True, "timeoutSeconds": 4})


SEALED = {"name": "shop", "values": {"TOKEN": "s3cret", "ÜBER": "ä"}, "certificate": certificate()}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("scope", "label", "elsewhere"),
    [("strict", "{place}/shop", "{place}/other"), ("namespace-wide", "{place}", "other"), ("cluster-wide", "", "x")],
)
async def test_a_sealed_secret_opens_where_its_scope_says(
    server: KubeServer, admin: Api, place: str, tmp_path: Path, scope: str, label: str, elsewhere: str
) -> None:
    given = {**SEALED, "namespace": place, "scope": scope, "labels": {"app": "shop"}}
    result = await task(tmp_path, server).run("sealedsecret:create", given)
    assert result.log.messages == [f"SealedSecret/{place}/shop created"]
    assert "s3cret" not in str(result)
    found = admin.get(f"/apis/bitnami.com/v1alpha1/namespaces/{place}/sealedsecrets/shop")
    data = found["spec"]["encryptedData"]
    where = label.format(place=place)
    assert {key: unsealed(value, where) for key, value in data.items()} == {"TOKEN": "s3cret", "ÜBER": "ä"}
    with pytest.raises(ValueError, match="Decryption failed"):
        unsealed(data["TOKEN"], elsewhere.format(place=place))
    expected = {} if scope == "strict" else {f"sealedsecrets.bitnami.com/{scope}": "true"}
    metadata = found["spec"]["template"]["metadata"]
    assert (found["metadata"].get("annotations", {}), metadata.get("annotations", {})) == (expected, expected)
    assert (metadata["name"], metadata["namespace"], metadata["labels"]) == ("shop", place, {"app": "shop"})
    assert found["spec"]["template"]["type"] == "Opaque"


def test_a_changed_value_does_not_open() -> None:
    from backstage_py.integrations.kubernetes.sealing import Sealer

    content = bytearray(base64.b64decode(Sealer(certificate()).seal(b"x", "a/b")))
    content[-1] ^= 1
    with pytest.raises(InvalidTag):
        unsealed(base64.b64encode(content).decode(), "a/b")


async def test_an_object_goes_into_the_workspace_for_a_repository(server: KubeServer, tmp_path: Path) -> None:
    one = task(tmp_path, server, sealedSecrets={"certificates": {"dev": certificate()}})
    without = {name: value for name, value in SEALED.items() if name != "certificate"}
    result = await one.run("sealedsecret:create", {**without, "namespace": "shop", "path": "deploy/sealed.yaml"})
    written = yaml.safe_load((one.workspace.root / "deploy/sealed.yaml").read_text())
    assert written == result.outputs["manifest"]
    assert unsealed(written["spec"]["encryptedData"]["TOKEN"], "shop/shop") == "s3cret"
    given = {"name": "shop", "namespace": "shop", "store": {"name": "s", "kind": "SecretStore"}, "extract": ["x"]}
    await one.run("externalsecret:create", {**given, "path": "deploy/external.yaml"})
    assert yaml.safe_load((one.workspace.root / "deploy/external.yaml").read_text())["kind"] == "ExternalSecret"
    with pytest.raises(NotAllowedError):
        await one.run("externalsecret:create", {**given, "path": "../outside.yaml"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"certificate": "nonsense"}, "is no certificate in PEM"),
        ({"certificate": certificate(days=-1)}, "get its newest with 'kubeseal --fetch-cert'"),
        ({"certificate": certificate(ec.generate_private_key(ec.SECP256R1()))}, "has no RSA key"),
        ({"certificate": ""}, "have the operator add it to 'sealedSecrets.certificates'"),
        ({"scope": "wide"}, "wide"),
    ],
)
async def test_what_cannot_be_sealed_says_why(
    server: KubeServer, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        await task(tmp_path, server).run("sealedsecret:create", {**SEALED, "namespace": "shop", **change})


async def test_a_dry_run_asks_the_cluster_and_changes_nothing(
    server: KubeServer, admin: Api, place: str, tmp_path: Path
) -> None:
    given = {"name": "shop", "namespace": place, "store": {"name": "vault"}, "data": {"A": "b#c"}, "wait": True}
    tried = await task(tmp_path, server).run("externalsecret:create", given, dry_run=True)
    assert tried.log.messages[0] == f"ExternalSecret/{place}/shop would be created"
    assert any("key: b" in line for line in tried.log.messages[1:])
    assert external(admin, place) is None
    author = await Task(tmp_path).run("externalsecret:create", given, dry_run=True)
    assert author.outputs["manifest"]["kind"] == "ExternalSecret"
    sealed = {"name": "shop", "namespace": place, "values": {"A": "b"}}
    author = await Task(tmp_path).run("sealedsecret:create", sealed, dry_run=True)
    assert author.outputs["manifest"]["kind"] == "SealedSecret"


async def test_the_operators_rules_for_the_cluster_hold(server: KubeServer, place: str, tmp_path: Path) -> None:
    rule = {"namespaces": ["other-*"], "kinds": ["ExternalSecret.external-secrets.io"]}
    given = {"name": "shop", "namespace": place, "store": {"name": "vault"}, "data": {"A": "b#c"}}
    with pytest.raises(NotAllowedError, match=r"may not use ExternalSecret\.external-secrets\.io in the namespace"):
        await task(tmp_path, server, rule).run("externalsecret:create", given)
    without = {key: value for key, value in given.items() if key != "data"}
    with pytest.raises(InputError, match="Give 'data'"):
        await task(tmp_path, server).run("externalsecret:create", without)
