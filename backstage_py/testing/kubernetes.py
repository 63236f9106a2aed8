"""A Kubernetes API server of a kind, on loopback: it keeps objects and answers discovery for the kinds it knows."""

import base64
import json
from collections.abc import Mapping

import yaml

from backstage_py.model.json import JsonObject
from backstage_py.testing.http_server import FakeHttp, Received, Reply

_CORE = {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services", "ServiceAccount": "serviceaccounts"}
_CLUSTER_WIDE = {"Namespace": "namespaces"}


class FakeKubernetes(FakeHttp):
    """Keeps what is created, replaced, patched or applied; nothing is validated, and no controller acts.

    Attributes:
        objects: by ``<apiVersion>/<kind>/<namespace or ->/<name>``.
    """

    token = "kubernetes-token-of-the-test"  # noqa: S105  # of a fake

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, JsonObject] = {}
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        self._version = 0
        for kind, plural in _CORE.items():
            self.add_kind("v1", kind, plural)
        for kind, plural in _CLUSTER_WIDE.items():
            self.add_kind("v1", kind, plural, namespaced=False)
        self.add_kind("apps/v1", "Deployment", "deployments")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            self.on(method, "/api*", self._guarded)
        self.on("GET", "/version", Reply({"major": "1", "minor": "34", "gitVersion": "v1.34.0"}))

    def add_kind(self, api_version: str, kind: str, plural: str, *, namespaced: bool = True) -> None:
        """Know another kind, as a custom resource definition makes it."""
        self._kinds[api_version, plural] = (kind, namespaced)

    def add(self, value: JsonObject) -> None:
        """Keep an object that was there before."""
        self.objects[_key(value)] = value

    @property
    def config(self) -> JsonObject:
        """The section of the configuration that leads actions here."""
        cluster = {
            "name": "test",
            "url": self.url,
            "authProvider": "serviceAccount",
            "serviceAccountToken": self.token,
            "allow": [{"namespaces": ["*"], "kinds": ["*"], "clusterKinds": ["*"]}],
        }
        return {"kubernetes": {"clusterLocatorMethods": [{"type": "config", "clusters": [cluster]}]}}

    def _guarded(self, received: Received) -> Reply:
        if received.token != self.token:
            return _status(401, "Unauthorized")
        parts = received.path.strip("/").split("/")
        if received.path in ("/api", "/apis"):
            return self._groups(received.path)
        size = 2 if parts[0] == "api" else 3
        api_version = "/".join(parts[1:size])
        rest = parts[size:]
        if not rest:
            return self._resources(api_version)
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004  # namespaces/<name>/<plural>
            namespace, rest = rest[1], rest[2:]
        known = self._kinds.get((api_version, rest[0]))
        if known is None:
            return _status(404, "the server could not find the requested resource")
        name = rest[1] if len(rest) > 1 else None
        return self._act(received, api_version, known[0], namespace, name)

    def _act(self, received: Received, api_version: str, kind: str, namespace: str | None, name: str | None) -> Reply:
        if name is None and received.method == "GET":
            prefix = f"{api_version}/{kind}/"
            items = [one for key, one in self.objects.items() if key.startswith(prefix) and _is_in(one, namespace)]
            return Reply({"apiVersion": api_version, "kind": f"{kind}List", "metadata": {}, "items": items})
        if name is None:
            given = received.json
            name = str(given["metadata"]["name"])
        key = f"{api_version}/{kind}/{namespace or '-'}/{name}"
        known = self.objects.get(key)
        missing = f'{kind.lower()}s "{name}" not found'
        if received.method == "GET":
            return Reply(known) if known else _status(404, missing)
        if received.method == "DELETE":
            return Reply({"status": "Success"}) if self.objects.pop(key, None) else _status(404, missing)
        if received.method == "POST" and known:
            return _status(409, f'{kind.lower()}s "{name}" already exists')
        applies = "apply-patch" in received.headers.get("content-type", "")
        if received.method == "PATCH" and not known and not applies:
            return _status(404, missing)
        return self._keep(received, key, known, (api_version, kind, namespace, name))

    def _keep(
        self, received: Received, key: str, known: JsonObject | None, where: tuple[str, str, str | None, str]
    ) -> Reply:
        api_version, kind, namespace, name = where
        given = yaml.safe_load(received.body) if received.body[:1] != b"{" else json.loads(received.body)
        value = _merged(known or {}, given) if received.method == "PATCH" else given
        self._version += 1
        metadata = {**value.get("metadata", {}), "name": name, "resourceVersion": str(self._version)}
        metadata |= {"namespace": namespace} if namespace else {}
        metadata.setdefault("uid", f"uid-{self._version}")
        kept = {**value, "apiVersion": api_version, "kind": kind, "metadata": metadata}
        if "dryRun" not in received.query:
            self.objects[key] = kept
        return Reply(kept, 200 if known or received.method != "POST" else 201)

    def _groups(self, path: str) -> Reply:
        if path == "/api":
            return Reply({"kind": "APIVersions", "versions": ["v1"]})
        groups: dict[str, list[str]] = {}
        for api_version, _ in self._kinds:
            group, slash, version = api_version.partition("/")
            if slash and version not in groups.setdefault(group, []):
                groups[group].append(version)
        listed = [
            {
                "name": group,
                "versions": [_version(group, one) for one in found],
                "preferredVersion": _version(group, found[0]),
            }
            for group, found in groups.items()
        ]
        return Reply({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})

    def _resources(self, api_version: str) -> Reply:
        found = [
            {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": namespaced, "verbs": _VERBS}
            for (version, plural), (kind, namespaced) in self._kinds.items()
            if version == api_version
        ]
        if not found:
            return _status(404, "the server could not find the requested resource")
        return Reply({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": found})


_VERBS = ["create", "delete", "get", "list", "patch", "update"]


def decoded(secret: JsonObject) -> dict[str, str]:
    """Return the values of a Secret as text, whether they were given as ``data`` or ``stringData``."""
    data = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    return data | (secret.get("stringData") or {})


def _version(group: str, version: str) -> JsonObject:
    return {"groupVersion": f"{group}/{version}", "version": version}


def _key(value: JsonObject) -> str:
    metadata = value["metadata"]
    return f"{value['apiVersion']}/{value['kind']}/{metadata.get('namespace') or '-'}/{metadata['name']}"


def _is_in(value: JsonObject, namespace: str | None) -> bool:
    return namespace is None or value["metadata"].get("namespace") == namespace


def _merged(before: Mapping[str, object], change: Mapping[str, object]) -> JsonObject:
    """Merge a patch as RFC 7386 says; the lists of a strategic merge are replaced, too."""
    merged: JsonObject = dict(before)
    for key, value in change.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _status(code: int, message: str) -> Reply:
    return Reply({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}, code)
