"""What an Application of Argo CD deploys: a chart of a git repository, rendered by Helm for the cluster it goes to."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import helm_python
import yaml

from tests.cluster.cluster import KubeCluster
from tests.cluster.plurals import path_of
from tests.cluster.reconcilers.argocd import ComparisonError

Manifests = list[tuple[str, Any]]


class Source(Protocol):
    """A git repository as Argo CD sees it."""

    def revision(self, name: str) -> str: ...

    def export(self, revision: str, folder: Path) -> Path: ...


@dataclass
class HelmSource:
    """Renders the chart with the values files of the Application, as the cluster's own versions have it.

    It may serve as ``revision`` and ``manifests`` of ``Applications``.
    """

    kube: KubeCluster
    repository: Source
    _rendered: dict[tuple[str, str], Manifests] = field(default_factory=dict)

    def revision(self, app: Any) -> str:
        return self.repository.revision(app["spec"]["source"]["targetRevision"])

    def manifests(self, app: Any) -> Manifests:
        key = (app["metadata"]["uid"], self.revision(app))
        if key not in self._rendered:
            self._rendered[key] = self._render(app, key[1])
        return self._rendered[key]

    def _render(self, app: Any, revision: str) -> Manifests:
        folder = Path(tempfile.mkdtemp(prefix="backstage-py-source-"))
        try:
            source = self.repository.export(revision, folder) / app["spec"]["source"]["path"]
            return [self._placed(one, app) for one in self._documents(app, source)]
        finally:
            shutil.rmtree(folder)

    def _documents(self, app: Any, source: Path) -> list[Any]:
        if not (source / "Chart.yaml").exists():
            files = sorted(source.glob("*.yaml"))
            return [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
        how, namespace = app["spec"]["source"].get("helm") or {}, app["spec"]["destination"]["namespace"]
        values: Any = {}
        for name in how.get("valueFiles") or []:
            values = over(values, yaml.safe_load((source / name).read_text(encoding="utf-8")) or {})
        return rendered(self.kube, source, how.get("releaseName") or app["metadata"]["name"], values, namespace)

    def _placed(self, one: Any, app: Any) -> tuple[str, Any]:
        placed = {"namespace": app["spec"]["destination"]["namespace"], **one["metadata"]}
        path = path_of(self.kube.api, {**one, "metadata": placed})
        return f"{path}/{one['metadata']['name']}", one


def rendered(kube: KubeCluster, chart: Path, name: str, values: Any, namespace: str) -> list[Any]:
    """Return a chart's objects as Helm renders them with the kinds that a cluster has.

    Helm's library learns these from the cluster for an installation alone, and refuses one where objects of another's
    are, even when it is tried out. So it is tried out in a namespace that is not there, whose name gives way.

    Raises:
        ComparisonError: it does not render, or not with these values.
    """
    nowhere = namespace[::-1]
    helm = helm_python.Config(kubeconfig_path=kube.kubeconfig, namespace=nowhere, kube_insecure_skip_tls_verify=True)
    try:
        made: Any = helm.install(chart, name, values, namespace=nowhere, dry_run="server")
    except helm_python.HelmError as error:
        raise ComparisonError(str(error).replace(nowhere, namespace)) from error
    finally:
        helm.close()
    return [one for one in yaml.safe_load_all(made["manifest"].replace(nowhere, namespace)) if one]


def over(below: Any, above: Any) -> Any:
    """Merge values as Helm does: objects by their keys, all else is replaced."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: over(below.get(key), value) for key, value in above.items()}}
