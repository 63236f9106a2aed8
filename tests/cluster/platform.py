"""A platform team's cluster: definitions of Crossplane, and controllers that act on them as a test wants it."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster
from tests.cluster.reconcilers import crossplane
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.crossplane import Child, Claims, Composites, Definitions

PARAMETERS: Any = {
    "type": "object",
    "required": ["region", "size"],
    "properties": {
        "size": {"type": "string", "enum": ["db.t4g.micro", "db.m7g.large"]},
        "region": {"type": "string"},
        "engineVersion": {"type": "string", "default": "16"},
        "storageGb": {"type": "integer", "minimum": 20},
        "encryption": {"type": "boolean"},
        "multiAz": {"type": "boolean"},
        "deletionProtection": {"type": "boolean"},
        "backupRetentionDays": {"type": "integer"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


@dataclass
class Platform:
    """What a test offers: ``kind`` is what is applied, ``objects`` the path of its list."""

    kube: KubeCluster
    group: str
    namespace: str
    kind: str
    objects: str
    children: str
    how: Behaviour

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1"

    def find(self, name: str) -> Any:
        return self.kube.api.find(f"{self.objects}/{name}")

    def all(self) -> list[Any]:
        return self.kube.api.items(self.objects)


def define(
    kube: KubeCluster, group: str, scope: str, stem: str = "postgres", schema: Any = None, **more: Any
) -> tuple[str, str]:
    """Create a definition with claims where its version has them; return the composites' kind and plural."""
    kube.load_crds("crossplane")
    names = {"kind": f"X{stem.title()}", "plural": f"x{stem}s"}
    spec = {"type": "object", "required": ["parameters"], "properties": {"parameters": schema or PARAMETERS}}
    openapi = {"type": "object", "properties": {"spec": spec}}
    version = {"name": "v1", "served": True, "referenceable": True, "schema": {"openAPIV3Schema": openapi}}
    definition = {"group": group, "scope": scope, "names": names, "versions": [version], **more}
    kind = {"apiVersion": "apiextensions.crossplane.io/v1", "kind": "CompositeResourceDefinition"}
    metadata = {"name": f"{names['plural']}.{group}"}
    kube.api.post(crossplane.DEFINITIONS, {**kind, "metadata": metadata, "spec": definition})
    return names["kind"], names["plural"]


def wait_offered(kube: KubeCluster, group: str, plural: str, count: int) -> None:
    def is_offered() -> bool:
        found = kube.api.get(f"{crossplane.DEFINITIONS}/{plural}.{group}")
        return len((found.get("status") or {}).get("conditions") or []) == count

    waiting.until(is_offered, f"{plural} are offered")


_KIND, _PLURAL = "XPostgres", "xpostgress"


def _offer(kube: KubeCluster, group: str, scope: str, **more: Any) -> str:
    """Define composites and what they are made of, unless a test before did; return the path of the latter's list.

    Each kind that comes or goes costs an API server seconds, so tests share them.
    """
    kube.load_crds("crossplane")
    is_namespaced = scope == "Namespaced"
    if kube.api.find(f"{crossplane.DEFINITIONS}/{_PLURAL}.{group}") is None:
        define(kube, group, scope, **more)
        with Definitions(kube.api, group):
            wait_offered(kube, group, _PLURAL, 1 if is_namespaced else 2)
    return crossplane.managed_kind(kube.api, group, "Instance", namespaced=is_namespaced)


def _parts(children: str) -> list[Child]:
    return [Child(name, children, "Instance", {"forProvider": {}}) for name in ("instance", "replica")]


@contextmanager
def version_1(
    kube: KubeCluster,
    group: str,
    namespace: str,
    how: Behaviour | None = None,
    connection: Callable[[Any], Mapping[str, str]] = lambda _: {},
    release: Callable[[Any], None] = lambda _: None,
) -> Iterator[Platform]:
    """Claims ``Postgres`` in a namespace, composites of the cluster, an ``Instance`` and a ``Rule`` for each."""
    how = how or Behaviour()
    claims = {"kind": "Postgres", "plural": "postgres"}
    children = _offer(kube, group, "LegacyCluster", claimNames=claims)
    parts = _parts(children)
    objects, composites = f"/apis/{group}/v1/namespaces/{namespace}/postgres", f"/apis/{group}/v1/{_PLURAL}"
    with ExitStack() as stack:
        stack.enter_context(
            Composites(kube.api, composites, lambda _: parts, behaviour=how, connection=connection, release=release)
        )
        stack.enter_context(Claims(kube.api, objects, composites, _KIND))
        yield Platform(kube, group, namespace, "Postgres", objects, children, how)
        _let_go(kube, objects, composites)


@contextmanager
def version_2(
    kube: KubeCluster,
    group: str,
    namespace: str,
    how: Behaviour | None = None,
    connection: Callable[[Any], Mapping[str, str]] = lambda _: {},
    release: Callable[[Any], None] = lambda _: None,
) -> Iterator[Platform]:
    """Composites ``XPostgres`` in a namespace."""
    how = how or Behaviour()
    children = _offer(kube, group, "Namespaced")
    parts = _parts(children)
    objects = f"/apis/{group}/v1/namespaces/{namespace}/{_PLURAL}"
    with ExitStack() as stack:
        stack.enter_context(
            Composites(
                kube.api,
                objects,
                lambda _: parts,
                behaviour=how,
                connection=connection,
                release=release,
                is_v2=True,
            )
        )
        yield Platform(kube, group, namespace, _KIND, objects, children, how)
        _let_go(kube, objects)


def _let_go(kube: KubeCluster, *paths: str) -> None:
    """Have all objects go while their controllers run, so that nothing holds the namespace."""
    for path in paths:
        for one in kube.api.items(path):
            kube.api.delete(f"{path}/{one['metadata']['name']}")
    waiting.until(lambda: not any(map(kube.api.items, paths)), f"{' and '.join(paths)} are empty")


def decoded(value: str) -> str:
    """Return what a Secret holds."""
    return base64.b64decode(value).decode()
