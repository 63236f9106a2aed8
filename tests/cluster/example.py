"""Example 04 on a real cluster: all that it needs around it, for its test and for ``./dev demo --platform``.

OpenBao, PostgreSQL and the git host are real; Crossplane, Argo CD and the External Secrets Operator are controllers of
the tests, the latter two fed by that git host and that OpenBao.
"""

import asyncio
import base64
import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backstage_py.cli.client import ApiClient
from backstage_py.errors import BackstageError
from backstage_py.model.json import JsonObject
from backstage_py.testing.http_server import FakeHttp, Reply
from tests import patience
from tests.cluster import crds, platform
from tests.cluster.cluster import KubeCluster
from tests.cluster.platform import Platform
from tests.cluster.plurals import path_of
from tests.cluster.reconcilers import crossplane
from tests.cluster.reconcilers.argocd import Applications
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.databases import Databases
from tests.cluster.reconcilers.external_secrets import ExternalSecrets, PushSecrets
from tests.contract.harness import Running, free_port, start
from tests.integrations import openbao
from tests.integrations.openbao import OpenBao
from tests.storage.postgres import postgres

EXAMPLE = Path(__file__).parents[2] / "examples" / "04-service-with-database"
CREATE, REMOVE = "template:default/service-with-database", "template:default/remove-service-with-database"

_HELD = (
    "/apis/argoproj.io/v1alpha1/namespaces/{}/applications",
    "/apis/external-secrets.io/v1/namespaces/{}/externalsecrets",
    "/apis/external-secrets.io/v1alpha1/namespaces/{}/pushsecrets",
)


@dataclass(frozen=True)
class Stage:
    """What the example runs on, and the service's address."""

    url: str
    folder: Path
    given: Platform
    bao: OpenBao
    databases: Databases
    slack: FakeHttp

    @property
    def kube(self) -> KubeCluster:
        return self.given.kube

    @property
    def namespace(self) -> str:
        return self.given.namespace

    def values(self, name: str = "checkout") -> JsonObject:
        """What the form sends."""
        return {"name": name, "team": "payments", "namespace": self.namespace, "size": "small"}

    def unprotect(self, name: str = "checkout") -> None:
        """Take the protection off the production's database, as a person does who really means it."""
        change = {"spec": {"parameters": {"deletionProtection": False}}}
        self.kube.api.patch(f"{self.given.objects}/{name}-prod", change)

    def items(self, group: str, kind: str) -> list[Any]:
        """Return the objects of a kind in the namespace; ``group`` is ``api/v1`` or such as ``apis/apps/v1``."""
        return self.kube.api.items(f"/{group}/namespaces/{self.namespace}/{kind}")

    def kept(self, name: str) -> dict[str, str]:
        """Return what OpenBao holds for a database."""
        read = self.bao.client.secrets.kv.v2.read_secret_version(f"payments/{name}", raise_on_deleted_version=True)
        found: dict[str, str] = read["data"]["data"]
        return found

    def git(self, *arguments: str) -> str:
        """Ask the repository that was published."""
        return _git(self.folder, *arguments)


@contextlib.contextmanager
def stage(kube: KubeCluster, namespace: str, folder: Path) -> Iterator[Stage]:
    """Have all of it run in a namespace until the block is left; the service's state is in ``folder``."""
    group = f"{namespace}.example.org"
    kube.load_crds("argo-cd", "external-secrets")
    _ = kube.postgres_image  # what the skeleton's pods run
    with contextlib.ExitStack() as stack:
        databases = Databases(stack.enter_context(postgres(kube.host)))
        bao = stack.enter_context(openbao.serve())
        slack = stack.enter_context(FakeHttp()).on("POST", "/hook", Reply("ok"))
        stack.callback(_remove, kube, group, namespace)
        made = (Behaviour(slow=1), databases.connection, databases.release)
        given = stack.enter_context(platform.version_1(kube, group, namespace, *made))
        for one in (PushSecrets, ExternalSecrets):
            stack.enter_context(one(kube.api, namespace, bao))
        stack.enter_context(_argo(kube, namespace, folder))
        service = stack.enter_context(_service(folder, _environment(given, bao, slack)))
        yield Stage(service.url, folder, given, bao, databases, slack)


@contextlib.contextmanager
def _service(folder: Path, env: dict[str, str]) -> Iterator[Running]:
    port = free_port()
    address = {"APP_CONFIG_backend_baseUrl": f"http://127.0.0.1:{port}"}
    service = start(folder, EXAMPLE / "app-config.yaml", port=port, env={**env, **address})
    try:
        yield service
    finally:
        service.stop()


def _environment(given: Platform, bao: OpenBao, slack: FakeHttp) -> dict[str, str]:
    kube = given.kube
    return {
        "EXAMPLE": str(EXAMPLE),
        "KUBERNETES_URL": kube.url,
        "KUBERNETES_TOKEN": kube.administrator(given.namespace),
        "KUBERNETES_CA": base64.b64encode(kube.ca.encode()).decode(),
        "NAMESPACE": given.namespace,
        "API_GROUP": given.group,
        "VAULT_ADDR": bao.url,
        "VAULT_TOKEN": bao.root,
        "SLACK_WEBHOOK_URL": f"{slack.url}/hook",
    }


def _argo(kube: KubeCluster, namespace: str, folder: Path) -> Applications:
    """An Argo CD that deploys what the repository holds at the branch that the Application names."""

    def revision(app: Any) -> str:
        return _git(folder, "rev-parse", app["spec"]["source"]["targetRevision"]).strip()

    def manifests(app: Any) -> list[tuple[str, Any]]:
        source = app["spec"]["source"]
        text = _git(folder, "show", f"{source['targetRevision']}:{source['path']}/manifests.yaml")
        return [_placed(kube, one, namespace) for one in yaml.safe_load_all(text)]

    return Applications(kube.api, namespace, revision=revision, manifests=manifests)


def _placed(kube: KubeCluster, one: Any, namespace: str) -> tuple[str, Any]:
    path = path_of(kube.api, {**one, "metadata": {**one["metadata"], "namespace": namespace}})
    return f"{path}/{one['metadata']['name']}", one


def _git(folder: Path, *arguments: str) -> str:
    bare = next(folder.glob("sandbox/**/checkout.git"))
    command = ["git", "--git-dir", str(bare), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _remove(kube: KubeCluster, group: str, namespace: str) -> None:
    """Have the definitions go, and objects that wait for a controller which is no more."""
    for kind in _HELD:
        for one in kube.api.items(kind.format(namespace)):
            kube.api.patch(f"{kind.format(namespace)}/{one['metadata']['name']}", {"metadata": {"finalizers": None}})
    kube.api.delete(f"{crossplane.DEFINITIONS}/xpostgress.{group}")
    crds.remove(kube.api, group)


async def started(api: ApiClient, template: str, values: JsonObject) -> str:
    """Create a task as soon as the catalog has the template and Ada; return its id."""
    for _ in range(int(10 * patience.SECONDS)):
        with contextlib.suppress(BackstageError):
            await api.entity("template", "default", template.rpartition("/")[2])
            user = await api.entity("user", "default", "ada")
            if user.get("relations"):
                break
        await asyncio.sleep(0.1)
    return await api.create_task(template, values)
