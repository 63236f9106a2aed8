"""Argo CD: syncs what an Application names, and reports sync, operation, health and resources as the real one does."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.cluster.calls import Api, ApiException
from tests.cluster.reconcilers import health
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.conditions import now

_LOOK = 0.3
_MANAGER = "argocd-controller"
_REFUSED = (400, 403, 422)
_WEB = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "x", "name": "web", "status": "SyncFailed"}
_REFRESH = "argocd.argoproj.io/refresh"


class ComparisonError(Exception):
    """What a source holds cannot be rendered, and why."""


class Applications(Reconciler):
    """Acts on the Applications of one namespace; their kind has no status of its own, so all is in one object.

    Args:
        api: the cluster.
        namespace: where they are.
        revision: which commit the source of an application is at.
        manifests: what that commit holds; applied to the destination's namespace. Without it nothing is deployed.
        behaviour: how it acts: ``broken`` names a resource ``Kind/name`` that is degraded, ``refused`` fails the sync.
    """

    finalizer = None
    cascades = "resources-finalizer.argocd.argoproj.io"

    def __init__(
        self,
        api: Api,
        namespace: str,
        *,
        revision: Callable[[Any], str] = lambda app: commit_of(str(app["spec"]["source"].get("targetRevision"))),
        manifests: Callable[[Any], list[tuple[str, Any]]] = lambda _: [],
        behaviour: Behaviour | None = None,
    ) -> None:
        super().__init__(api, f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications")
        self.revision, self.manifests = revision, manifests
        self.behaviour = behaviour or Behaviour()
        self._synced: dict[str, str] = {}

    def set_status(self, value: Any, status: Any) -> Any:
        return self.api.patch(self.of(value), {"status": status})

    def _act(self, name: str) -> float | None:
        value = self.api.find(f"{self.path}/{name}")
        self.finalizer = (
            self.cascades if value and self.cascades in (value["metadata"].get("finalizers") or []) else None
        )
        return super()._act(name)

    def reconcile(self, value: Any) -> float | None:
        status, revision = value.get("status") or {}, self.revision(value)
        if (value["metadata"].get("annotations") or {}).get(_REFRESH):
            self.api.patch(self.of(value), {"metadata": {"annotations": {_REFRESH: None}}})
        try:
            self.manifests(value)
        except ComparisonError as error:
            return self._unknown(value, status, str(error))
        state = status.get("operationState") or {}
        if state.get("phase") == "Running":
            return self._finish(value, revision)
        if value.get("operation") or self._wants_sync(value, status, revision):
            return self._begin(value, revision)
        return self._compare(value, status, revision)

    def _unknown(self, value: Any, status: Any, message: str) -> float:
        if not any(one["message"] == message for one in status.get("conditions") or []):
            told = {"type": "ComparisonError", "message": message, "lastTransitionTime": now()}
            compared = {key: value["spec"][key] for key in ("source", "destination")}
            sync = {"status": "Unknown", "comparedTo": compared}
            self.set_status(value, {"conditions": [told], "sync": sync, "health": {"status": "Unknown"}})
        return _LOOK

    def finalize(self, value: Any) -> float | None:
        for path, _ in self.manifests(value):
            self.api.delete(path)
        return None

    def _wants_sync(self, value: Any, status: Any, revision: str) -> bool:
        automated = (value["spec"].get("syncPolicy") or {}).get("automated")
        tried = ((status.get("operationState") or {}).get("syncResult") or {}).get("revision")
        return automated is not None and tried != revision

    def _begin(self, value: Any, revision: str) -> float:
        asked = value.get("operation") or {}
        sync = {**(asked.get("sync") or {}), "revision": (asked.get("sync") or {}).get("revision") or revision}
        operation = {**asked, "sync": sync}
        state = {"operation": operation, "phase": "Running", "startedAt": now(), "message": "waiting for completion"}
        self.api.patch(self.of(value), {"operation": None, "status": {"operationState": {**state, "finishedAt": None}}})
        return _LOOK

    def _finish(self, value: Any, revision: str) -> float:
        how, state = self.behaviour, value["status"]["operationState"]
        source = {**value["spec"]["source"]}
        result: Any = {"revision": revision, "source": source}
        failed = [_WEB | {"message": how.refused}] if how.refused else self._apply(value)
        if failed:
            phase, message = "Failed", f"one or more objects failed to apply, reason: {failed[0]['message']}"
            result["resources"] = failed
        else:
            phase, message = "Succeeded", "successfully synced (all tasks run)"
            self._synced[value["metadata"]["uid"]] = revision
        done = {**state, "phase": phase, "message": message, "finishedAt": now(), "syncResult": result}
        self.set_status(value, {"operationState": done})
        return _LOOK

    def _apply(self, value: Any) -> list[Any]:
        """Apply what the source holds; return what the cluster refuses, each with why."""
        failed, options = [], (value["spec"].get("syncPolicy") or {}).get("syncOptions") or []
        if "CreateNamespace=true" in options:
            namespace = value["spec"]["destination"]["namespace"]
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            self.api.apply(f"/api/v1/namespaces/{namespace}", made, _MANAGER)
        for path, one in self.manifests(value):
            try:
                self.api.apply(path, one, _MANAGER)
            except ApiException as error:
                if error.status not in _REFUSED:
                    raise
                told = json.loads(error.body or "{}")["message"]
                failed.append(self._resource(path, one, is_synced=False) | {"status": "SyncFailed", "message": told})
        return failed

    def _compare(self, value: Any, status: Any, revision: str) -> float:
        how, uid = self.behaviour, value["metadata"]["uid"]
        is_synced = self._synced.get(uid) == revision
        resources = self._resources(value, is_synced=is_synced)
        judged = "Missing" if not is_synced else self._health(uid, resources)
        if is_synced and judged == "Healthy" and how.flips(uid):
            judged = "Degraded"
        generation = {"source": value["spec"]["source"], "destination": value["spec"]["destination"]}
        new = {
            "sync": {"status": "Synced" if is_synced else "OutOfSync", "revision": revision, "comparedTo": generation},
            "health": {"status": judged},
            "resources": resources,
        }
        new |= {"conditions": None} if status.get("conditions") else {}
        if any(status.get(key) != one for key, one in new.items()):
            self.set_status(value, {**new, "reconciledAt": now()})
        return how.flap_seconds if how.flaps else _LOOK

    def _health(self, uid: str, resources: list[Any]) -> str:
        how = self.behaviour
        found = {(one.get("health") or {}).get("status") for one in resources}
        if how.never or not how.is_time(uid):
            return "Progressing"
        return "Healthy" if how.lies else health.worst([one for one in found if one])

    def _resources(self, value: Any, *, is_synced: bool) -> list[Any]:
        listed = [self._resource(path, one, is_synced=is_synced) for path, one in self.manifests(value)]
        if self.behaviour.broken:
            name, message = self.behaviour.broken
            kind, _, name = name.partition("/")
            judged = {"status": "Degraded", "message": message}
            listed.append({"version": "v1", "kind": kind, "name": name, "status": "Synced", "health": judged})
        return listed

    def _resource(self, path: str, one: Any, *, is_synced: bool) -> Any:
        group, _, version = one["apiVersion"].rpartition("/")
        made = {"version": version, "kind": one["kind"], "name": one["metadata"]["name"]}
        made |= {"group": group} if group else {}
        live = self.api.find(path)
        if live and live["metadata"].get("namespace"):
            made["namespace"] = live["metadata"]["namespace"]
        if live and (judged := health.of(live)):
            made["health"] = judged
        return {**made, "status": "Synced" if is_synced and live else "OutOfSync"}


def commit_of(name: str) -> str:
    """Return what looks like a commit, the same for the same name."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
