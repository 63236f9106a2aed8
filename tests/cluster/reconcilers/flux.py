"""Flux: sources get artefacts, Kustomizations apply what is in them, HelmReleases report as the real ones do."""

from collections.abc import Callable
from typing import Any

from tests.cluster.calls import Api
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.conditions import condition, merged

_LOOK = 0.3
_REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"


class _Toolkit(Reconciler):
    finalizer: str | None = "finalizers.fluxcd.io"

    def report(self, value: Any, reason: str, message: str, *, ready: bool, stalled: str = "", **more: Any) -> float:
        """Write conditions; ``observedGeneration`` of the status is kept back while it tries again, as Flux does."""
        generation, status = value["metadata"]["generation"], value.get("status") or {}
        new = [condition("Ready", ready, reason, message, generation)]
        new.append(condition("Stalled", bool(stalled), stalled or "Working", message, generation))
        asked = (value["metadata"].get("annotations") or {}).get(_REQUESTED_AT)
        made = {**more, "conditions": merged(status.get("conditions"), *new)}
        made |= {"lastHandledReconcileAt": asked} if asked else {}
        made |= {"observedGeneration": generation} if ready or stalled else {}
        if any(status.get(key) != one for key, one in made.items()):
            self.set_status(value, made)
        return _LOOK


class Sources(_Toolkit):
    """GitRepositories of a namespace, at the commit that ``revision`` names; ``refused`` is why they cannot be read."""

    def __init__(self, api: Api, namespace: str, *, revision: str, behaviour: Behaviour | None = None) -> None:
        super().__init__(api, f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories")
        self.revision, self.behaviour = revision, behaviour or Behaviour()

    def reconcile(self, value: Any) -> float:
        if self.behaviour.refused:
            return self.report(value, "GitOperationFailed", self.behaviour.refused, ready=False)
        artifact = {
            "revision": self.revision,
            "digest": "sha256:" + "0" * 64,
            "path": "a.tar.gz",
            "url": "http://source/a.tar.gz",
            "lastUpdateTime": "2026-01-01T00:00:00Z",
        }
        message = f"stored artifact for revision '{self.revision}'"
        return self.report(value, "Succeeded", message, ready=True, artifact=artifact)


class Kustomizations(_Toolkit):
    """Kustomizations of a namespace; ``manifests`` is what the folder holds, ``broken`` a resource that fails."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        *,
        manifests: Callable[[Any], list[tuple[str, Any]]] = lambda _: [],
        behaviour: Behaviour | None = None,
    ) -> None:
        super().__init__(api, f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations")
        self.sources = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories"
        self.manifests, self.behaviour = manifests, behaviour or Behaviour()

    def reconcile(self, value: Any) -> float:
        source = self.api.find(f"{self.sources}/{value['spec']['sourceRef']['name']}") or {}
        artifact = (source.get("status") or {}).get("artifact")
        if not artifact:
            return self.report(value, "ArtifactFailed", "Source artifact not found, retrying in 30s", ready=False)
        for path, one in self.manifests(value):
            self.api.apply(path, one, "kustomize-controller")
        revision, how, uid = artifact["revision"], self.behaviour, value["metadata"]["uid"]
        attempted = {"lastAttemptedRevision": revision}
        if how.broken or how.flips(uid):
            name, state = how.broken or ("Deployment/web", "InProgress")
            message = f"health check failed: timeout waiting for: [{name} status: '{state}']"
            return self.report(value, "HealthCheckFailed", message, ready=False, **attempted)
        applied = {**attempted, "lastAppliedRevision": revision}
        message = f"Applied revision: {revision}"
        return self.report(value, "ReconciliationSucceeded", message, ready=True, **applied)

    def finalize(self, value: Any) -> float | None:
        for path, _ in self.manifests(value):
            self.api.delete(path)
        return None


class Releases(_Toolkit):
    """HelmReleases of a namespace; ``refused`` is why an install fails for good."""

    def __init__(self, api: Api, namespace: str, *, behaviour: Behaviour | None = None) -> None:
        super().__init__(api, f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{namespace}/helmreleases")
        self.behaviour = behaviour or Behaviour()

    def reconcile(self, value: Any) -> float:
        chart = value["spec"]["chart"]["spec"]
        if self.behaviour.refused:
            message = f"Helm install failed for release {value['metadata']['name']}: {self.behaviour.refused}"
            return self.report(value, "InstallFailed", message, ready=False, stalled="RetriesExceeded")
        message = f"Helm install succeeded for chart {chart['chart']}@{chart['version']}"
        attempted = {"lastAttemptedRevision": chart["version"]}
        return self.report(value, "InstallSucceeded", message, ready=True, **attempted)
