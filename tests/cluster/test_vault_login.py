"""Signing in at OpenBao as a pod of a real cluster, which vouches for it (TokenReview)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backstage_py.errors import BackstageError, NotAllowedError
from backstage_py.plugin import Services
from tests.actions.harness import Task
from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.integrations import openbao
from tests.integrations.openbao import OpenBao

_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # where a pod finds its token


@pytest.fixture
def bao() -> Iterator[OpenBao]:
    with openbao.serve() as running:
        yield running


def token_of_pod(kube: KubeCluster, namespace: str, account: str) -> str:
    """Run a pod as a service account, and return the token that it was given."""
    kube.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": account}})
    container = {
        "name": "main", "image": kube.postgres_image, "imagePullPolicy": "IfNotPresent", "command": ["cat", _TOKEN],
    }  # fmt: skip
    spec = {"serviceAccountName": account, "restartPolicy": "Never", "containers": [container]}
    account_path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}"
    waiting.until(lambda: kube.api.get(account_path).get("secrets") or not kube.stores_tokens, "it has its token")
    path = f"/api/v1/namespaces/{namespace}/pods/{account}"
    kube.api.post(path.rpartition("/")[0], {"kind": "Pod", "metadata": {"name": account}, "spec": spec})
    waiting.until(lambda: kube.api.get(path)["status"].get("phase") == "Succeeded", "the pod has said its token")
    return kube.api.text(f"{path}/log").strip()


async def test_a_pod_signs_in_as_long_as_the_cluster_vouches_for_it(
    kube: KubeCluster, namespace: str, bao: OpenBao, tmp_path: Path
) -> None:
    mount, token = bao.kv(), tmp_path / "token"
    bao.client.sys.enable_auth_method("kubernetes", path="cluster")
    bao.client.auth.kubernetes.configure(
        kube.url,
        kubernetes_ca_cert=kube.ca,
        token_reviewer_jwt=kube.administrator(namespace),
        disable_local_ca_jwt=True,
        mount_point="cluster",
    )
    bao.client.sys.create_or_update_policy(
        "team", f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}'
    )
    allow = [{"roles": ["cluster/team"], "namespaces": [namespace], "policies": ["team"], "write": [f"{mount}/*"]}]
    of_operator = {"baseUrl": bao.url, "token": bao.root, "allow": allow}
    task = Task(tmp_path / "task", Services(config={"vault": of_operator}))
    role = {"name": "team", "authPath": "cluster", "serviceAccounts": ["shop"], "namespaces": [namespace]}
    await task.run("vault:role:create", {**role, "policies": ["team"]})
    auth = {"type": "kubernetes", "role": "team", "authPath": "cluster", "serviceAccountTokenPath": str(token)}
    task.configured(vault={"baseUrl": bao.url, "auth": auth, "allow": allow})
    wanted = {"path": f"{mount}/shop", "values": {"A": "1"}}
    token.write_text(token_of_pod(kube, namespace, "other"))
    with pytest.raises(NotAllowedError, match="service account name not authorized"):
        await task.run("vault:kv:write", wanted)
    token.write_text(token_of_pod(kube, namespace, "shop"))
    await task.run("vault:kv:write", wanted)
    assert bao.versions(mount, "shop") == [{"A": "1"}]
    kube.api.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/shop")
    refused = ""
    while not refused:  # the API server remembers for ten seconds that it knew the token
        try:
            await task.run("vault:kv:write", wanted)
            await waiting.pause()
        except BackstageError as error:
            refused = error.message
    assert "permission denied" in refused
