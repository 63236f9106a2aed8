"""What a claim of the path for databases meets: Crossplane with our definition, a store, and real databases."""

import contextlib
from collections.abc import Iterator
from typing import Any

import yaml

from backstage_py import bundled
from tests.cluster import crds, platform, waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers import crossplane
from tests.cluster.reconcilers.crossplane import Child, Claims, Composites, Definitions
from tests.cluster.reconcilers.databases import Databases
from tests.cluster.reconcilers.external_secrets import ExternalSecrets, PushSecrets
from tests.integrations import openbao
from tests.storage.postgres import postgres

GROUP = "platform.example.org"
_ROOT = f"/apis/{GROUP}/v1"


@contextlib.contextmanager
def offered(kube: KubeCluster, namespace: str) -> Iterator[Databases]:
    """Have what a namespace claims made until the block is left; then none of it is there any more."""
    kube.load_crds("crossplane", "external-secrets")
    [definition] = yaml.safe_load_all((bundled.skeletons() / "crossplane-postgres/v1/definition.yaml").read_text())
    claims, composites = f"{_ROOT}/namespaces/{namespace}/postgreses", f"{_ROOT}/xpostgreses"
    with contextlib.ExitStack() as stack:
        stack.callback(crds.remove, kube.api, GROUP)
        stack.callback(kube.api.delete, f"{crossplane.DEFINITIONS}/{definition['metadata']['name']}")
        kube.api.post(crossplane.DEFINITIONS, definition)
        with Definitions(kube.api, GROUP):
            platform.wait_offered(kube, GROUP, "xpostgreses", 2)
        child = Child("instance", crossplane.managed_kind(kube.api, GROUP, "Instance"), "Instance", {"forProvider": {}})
        databases = Databases(stack.enter_context(postgres(kube.host)))
        bao = stack.enter_context(openbao.serve())
        made: dict[str, Any] = {"connection": databases.connection, "release": databases.release}
        stack.enter_context(Composites(kube.api, composites, lambda _: [child], **made))
        stack.enter_context(Claims(kube.api, claims, composites, "XPostgres"))
        kept = [one(kube.api, namespace, bao) for one in (PushSecrets, ExternalSecrets)]
        for one in kept:
            stack.enter_context(one)
        try:
            yield databases
        finally:
            _clear(kube, [claims, *(one.path for one in kept)])


def _clear(kube: KubeCluster, paths: list[str]) -> None:
    """Delete all objects while their controllers run, so that nothing holds the namespace."""
    for path in paths:
        for one in kube.api.items(path):
            kube.api.delete(f"{path}/{one['metadata']['name']}")
    waiting.until(lambda: not any(map(kube.api.items, paths)), f"{' and '.join(paths)} are empty")
