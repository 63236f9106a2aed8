"""Argo CD's REST API before the Applications of a cluster, as far as actions call it, in the words of the real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backstage_py.testing.http_server import FakeHttp, Received, Reply
from tests.cluster.calls import Api

TOKEN = "argo-token-of-the-test"  # of a fake
_CASCADE = "resources-finalizer.argocd.argoproj.io"


class ArgoCdServer:
    """Serves what is in one namespace; a controller beside it does what is asked for."""

    def __init__(self, kube: Api, namespace: str, http: FakeHttp) -> None:
        self.http, self.namespace, self._kube = http, namespace, kube
        self._list = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
        for method in ("GET", "POST", "DELETE"):
            http.on(method, "/api/v1/applications/*", self._answer)

    def config(self, **more: Any) -> Any:
        """The configuration that leads here."""
        instance = {"name": "main", "url": self.http.url, "token": TOKEN, **more}
        return {"argocd": {"appLocatorMethods": [{"type": "config", "instances": [instance]}]}}

    def _answer(self, received: Received) -> Reply:
        name, _, verb = received.path.removeprefix("/api/v1/applications/").partition("/")
        asked = received.json or {}
        namespace = received.query.get("appNamespace") or asked.get("appNamespace")
        found = self._kube.find(f"{self._list}/{name}") if namespace == self.namespace else None
        if received.token != TOKEN or (found is None and not received.query.get("project")):
            return Reply({"error": "permission denied", "code": 7, "message": "permission denied"}, 403)
        if found is None:
            return Reply({"code": 5, "message": f'applications.argoproj.io "{name}" not found'}, 404)
        if verb == "sync":
            return self._sync(name, found, asked)
        if received.method == "DELETE":
            held = [_CASCADE] if received.query["cascade"] == "true" else None
            self._kube.patch(f"{self._list}/{name}", {"metadata": {"finalizers": held}})
            self._kube.delete(f"{self._list}/{name}")
            return Reply({})
        return Reply({key: one for key, one in found.items() if key not in ("apiVersion", "kind")})

    def _sync(self, name: str, found: Any, asked: Any) -> Reply:
        phase = ((found.get("status") or {}).get("operationState") or {}).get("phase")
        if found.get("operation") or phase == "Running":
            words = "another operation is already in progress"
            return Reply({"code": 9, "message": words}, 400)
        sync = {key: asked[key] for key in ("revision", "prune") if key in asked}
        sync |= {"syncOptions": asked["syncOptions"]["items"]} if asked.get("syncOptions") else {}
        operation = {"initiatedBy": {"username": "admin"}, "info": asked.get("infos") or [], "sync": sync}
        return Reply(self._kube.patch(f"{self._list}/{name}", {"operation": operation}))


@contextmanager
def serve(kube: Api, namespace: str) -> Iterator[ArgoCdServer]:
    """Serve until the block is left."""
    with FakeHttp() as http:
        yield ArgoCdServer(kube, namespace, http)
