"""The External Secrets Operator: brings secrets into a store, an engine of a real OpenBao, and out of it."""

import base64
import re
from typing import TYPE_CHECKING, Any

from hvac.exceptions import InvalidPath

from tests.cluster.calls import Api
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.conditions import condition, merged

if TYPE_CHECKING:
    from tests.integrations.openbao import OpenBao

_LOOK = 0.5
_MANAGER = "external-secrets"


class _Secrets(Reconciler):
    """What both kinds share.

    Args:
        api: the cluster.
        path: of the list.
        bao: where the store is.
        mount: of the key-value engine, version 2, that every store stands for.
    """

    finalizer: str | None = None

    def __init__(self, api: Api, path: str, bao: "OpenBao", mount: str = "secret") -> None:
        super().__init__(api, path)
        self.store, self.mount = bao.client.secrets.kv.v2, mount

    def _secret_path(self, value: Any, name: str) -> str:
        return f"/api/v1/namespaces/{value['metadata']['namespace']}/secrets/{name}"

    def _say(self, value: Any, is_ready: bool, reason: str) -> float | None:
        before = (value.get("status") or {}).get("conditions")
        after = merged(before, condition("Ready", is_ready, reason))
        if after != before:
            self.set_status(value, {"conditions": after})
        return None if is_ready else _LOOK

    def _stored(self, path: str) -> dict[str, str]:
        try:
            read = self.store.read_secret_version(path, mount_point=self.mount, raise_on_deleted_version=True)
        except InvalidPath:
            return {}
        found: dict[str, str] = read["data"]["data"]
        return found


class PushSecrets(_Secrets):
    """Writes keys of a Secret into the store, and takes them out again with the object if it says so."""

    finalizer = "pushsecret.externalsecrets.com/finalizer"

    def __init__(self, api: Api, namespace: str, bao: "OpenBao") -> None:
        super().__init__(api, f"/apis/external-secrets.io/v1alpha1/namespaces/{namespace}/pushsecrets", bao)

    def reconcile(self, value: Any) -> float | None:
        secret = self.api.find(self._secret_path(value, value["spec"]["selector"]["secret"]["name"]))
        wanted: dict[str, dict[str, str]] = {}
        for match in [one["match"] for one in value["spec"]["data"]]:
            found = ((secret or {}).get("data") or {}).get(match["secretKey"])
            if found is None:
                return self._say(value, False, "Errored")
            remote = match["remoteRef"]
            wanted.setdefault(remote["remoteKey"], {})[remote["property"]] = base64.b64decode(found).decode()
        for path, values in wanted.items():
            if self._stored(path) != values:
                self.store.create_or_update_secret(path, values, mount_point=self.mount)
        return self._say(value, True, "Synced")

    def finalize(self, value: Any) -> float | None:
        if value["spec"].get("deletionPolicy") == "Delete":
            for path in {one["match"]["remoteRef"]["remoteKey"] for one in value["spec"]["data"]}:
                self.store.delete_metadata_and_all_versions(path, mount_point=self.mount)
        return None


class ExternalSecrets(_Secrets):
    """Makes a Secret of what the store holds; it goes with the object."""

    finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup"

    def __init__(self, api: Api, namespace: str, bao: "OpenBao") -> None:
        super().__init__(api, f"/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets", bao)

    def reconcile(self, value: Any) -> float | None:
        name, found = value["spec"]["target"]["name"], self._read(value["spec"])
        if found is None:
            return self._say(value, False, "SecretSyncedError")
        data = {key: base64.b64encode(one.encode()).decode() for key, one in found.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self.api.apply(self._secret_path(value, name), secret, _MANAGER)
        return self._say(value, True, "SecretSynced")

    def _read(self, spec: Any) -> dict[str, str] | None:
        """Return what the Secret holds, by its template if there is one; None when something of it is not there."""
        found: dict[str, str] = {}
        for one in spec.get("dataFrom") or []:
            if not (stored := self._stored(one["extract"]["key"])):
                return None
            found |= stored
        for one in spec.get("data") or []:
            stored = self._stored(one["remoteRef"]["key"])
            if one["remoteRef"]["property"] not in stored:
                return None
            found[one["secretKey"]] = stored[one["remoteRef"]["property"]]
        template = (spec["target"].get("template") or {}).get("data")
        return {key: _filled(text, found) for key, text in template.items()} if template else found

    def finalize(self, value: Any) -> float | None:
        self.api.delete(self._secret_path(value, value["spec"]["target"]["name"]))
        return None


def _filled(text: str, found: dict[str, str]) -> str:
    return re.sub(r"\{\{ ?\.(\w+) ?\}\}", lambda name: found[name[1]], text)
