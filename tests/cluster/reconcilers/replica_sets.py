"""The ReplicaSets of a Rollout, one for each of its pod templates."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tests.cluster.calls import Api

HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"


@dataclass(frozen=True)
class ReplicaSet:
    """One as it is now, ``value`` None for one that is not there."""

    value: Any

    @property
    def wanted(self) -> int:
        return int(self.value["spec"]["replicas"]) if self.value else 0

    @property
    def there(self) -> int:
        return int((self.value["status"] if self.value else {}).get("replicas", 0))

    @property
    def available(self) -> int:
        return int((self.value["status"] if self.value else {}).get("availableReplicas", 0))

    @property
    def revision(self) -> int:
        return int(self.value["metadata"]["annotations"][REVISION]) if self.value else 0

    def is_at(self, count: int) -> bool:
        """Whether it has so many pods, all of them available, and no other."""
        return self.wanted == self.there == self.available == count


class ReplicaSets:
    """Those of one Rollout."""

    def __init__(self, api: Api, rollout: Any) -> None:
        self._api, self._rollout = api, rollout
        namespace = rollout["metadata"]["namespace"]
        self._path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
        uid = rollout["metadata"]["uid"]
        listed = [one for one in api.items(self._path) if _owner(one) == uid]
        self.by_hash = {one["metadata"]["labels"][HASH]: ReplicaSet(one) for one in listed}

    def of(self, pod_hash: str | None) -> ReplicaSet:
        return self.by_hash.get(pod_hash or "", ReplicaSet(None))

    def name(self, pod_hash: str) -> str:
        return f"{self._rollout['metadata']['name']}-{pod_hash}"

    def make(self, pod_hash: str) -> None:
        """Make the one of the present template, without pods, unless it is there; it gets the newest revision."""
        revision = max([one.revision for one in self.by_hash.values()], default=0)
        found = self.of(pod_hash)
        if not found.value:
            self._api.post(self._path, self._new(pod_hash, revision + 1))
        elif found.revision < revision:
            self._annotate(pod_hash, revision + 1)

    def scale(self, pod_hash: str, count: int) -> bool:
        """Say how many pods one shall have; return whether that is another number than before."""
        if self.of(pod_hash).wanted == count:
            return False
        self._api.patch(f"{self._path}/{self.name(pod_hash)}", {"spec": {"replicas": count}})
        return True

    def _annotate(self, pod_hash: str, revision: int) -> None:
        change = {"metadata": {"annotations": {REVISION: str(revision)}}}
        self._api.patch(f"{self._path}/{self.name(pod_hash)}", change)

    def _new(self, pod_hash: str, revision: int) -> Any:
        spec, metadata = self._rollout["spec"], self._rollout["metadata"]
        owner = {
            "apiVersion": self._rollout["apiVersion"],
            "kind": "Rollout",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        template = spec["template"]
        labels = {**template["metadata"]["labels"], HASH: pod_hash}
        return {
            "metadata": {
                "name": self.name(pod_hash),
                "labels": labels,
                "annotations": {REVISION: str(revision)},
                "ownerReferences": [owner],
            },
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {**spec["selector"]["matchLabels"], HASH: pod_hash}},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        }


def hash_of(value: Any) -> str:
    """Return a name for a pod template or for steps, the same for the same."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _owner(value: Any) -> str | None:
    return next((str(one["uid"]) for one in value["metadata"].get("ownerReferences") or []), None)
