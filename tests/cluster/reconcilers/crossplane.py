"""Crossplane: definitions become kinds, claims become composites, composites get children and report what these do.

As versions 1 (``compositionRef``, ``writeConnectionSecretToRef`` and ``resourceRefs`` in ``spec``, claims) and 2
(these below ``spec.crossplane``, composites in namespaces). Children are plain objects of kinds that ``managed_kind``
makes; this stands for their provider, too.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.cluster import crds
from tests.cluster.calls import Api, ApiException
from tests.cluster.reconcilers.base import Reconciler
from tests.cluster.reconcilers.behaviour import Behaviour
from tests.cluster.reconcilers.conditions import condition, merged

DEFINITIONS = "/apis/apiextensions.crossplane.io/v1/compositeresourcedefinitions"
_MANAGER = "apiextensions.crossplane.io/composed"
_LOOK = 0.3
_ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_REFS = {"type": "array", "items": _ANY}


class Definitions(Reconciler):
    """Makes a kind of each CompositeResourceDefinition of one group, and another for its claims."""

    def __init__(self, api: Api, group: str) -> None:
        super().__init__(api, DEFINITIONS)
        self.group = group

    def reconcile(self, value: Any) -> None:
        spec = value["spec"]
        if spec["group"] != self.group:
            return
        is_v2 = spec.get("scope", "LegacyCluster") != "LegacyCluster"
        scope = "Namespaced" if spec.get("scope") == "Namespaced" else "Cluster"
        injected = {"crossplane": _ANY} if is_v2 else _legacy("resourceRefs", _REFS)
        self._define(value, spec["names"], scope, injected)
        done = [condition("Established", True, "WatchingCompositeResource", "", value["metadata"]["generation"])]
        if claims := spec.get("claimNames"):
            self._define(value, claims, "Namespaced", _legacy("resourceRef", _ANY))
            done.append(condition("Offered", True, "WatchingCompositeResourceClaim"))
        before = (value.get("status") or {}).get("conditions")
        if [one["type"] for one in before or []] != [one["type"] for one in done]:
            self.set_status(value, {"conditions": merged(before, *done)})

    def _define(self, value: Any, names: Any, scope: str, injected: Any) -> None:
        versions = [
            {
                "name": one["name"],
                "served": one["served"],
                "storage": one["referenceable"],
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": _schema(one.get("schema") or {}, injected)},
            }
            for one in value["spec"]["versions"]
        ]
        owner = {
            "apiVersion": value["apiVersion"],
            "kind": value["kind"],
            "name": value["metadata"]["name"],
            "uid": value["metadata"]["uid"],
            "controller": True,
        }
        definition = {
            "metadata": {"name": f"{names['plural']}.{self.group}", "ownerReferences": [owner]},
            "spec": {"group": self.group, "scope": scope, "names": names, "versions": versions},
        }
        crds.create(self.api, definition)
        crds.wait_established(self.api, definition["metadata"]["name"])


def _legacy(refs: str, schema: Any) -> Any:
    own = ("compositionRef", "compositionSelector", "writeConnectionSecretToRef", "claimRef", "compositeDeletePolicy")
    return {**dict.fromkeys(own, _ANY), "compositeDeletePolicy": {"type": "string"}, refs: schema}


def _schema(given: Any, injected: Any) -> Any:
    schema = dict(given.get("openAPIV3Schema") or {"type": "object"})
    properties = dict(schema.get("properties") or {})
    spec = dict(properties.get("spec") or {"type": "object"})
    spec["properties"] = {**(spec.get("properties") or {}), **injected}
    properties |= {"spec": spec, "status": _STATUS}
    return {**schema, "type": "object", "properties": properties}


def managed_kind(api: Api, group: str, kind: str, *, namespaced: bool = False) -> str:
    """Make a kind of managed resource, such as an RDS ``Instance``; return the path of its list, without namespace."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "properties": {"spec": _ANY, "status": _STATUS}}
    version = {
        "name": "v1beta1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    scope = "Namespaced" if namespaced else "Cluster"
    spec = {"group": group, "scope": scope, "names": names, "versions": [version]}
    crds.create(api, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
    crds.wait_established(api, f"{plural}.{group}")
    return f"/apis/{group}/v1beta1/{plural}"


@dataclass(frozen=True)
class Child:
    """What a composite is made of: ``path`` of its list, and the object; ``provider`` sets its status."""

    name: str
    path: str
    kind: str
    spec: Mapping[str, Any]

    @property
    def api_version(self) -> str:
        return "/".join(self.path.split("/")[2:4])


class Composites(Reconciler):
    """Composes children for each composite at ``path``, and reports Synced and Ready by what they do.

    Args:
        api: the cluster.
        path: of the list, with the namespace for composites of version 2.
        children: what a composite is made of.
        connection: makes what the connection secret holds, once all children are ready; ``{}`` for none yet.
        behaviour: how it acts.
        is_v2: its own fields are below ``spec.crossplane``.
        release: undoes what ``connection`` made.
    """

    finalizer = "composite.apiextensions.crossplane.io"

    def __init__(
        self,
        api: Api,
        path: str,
        children: Callable[[Any], list[Child]],
        *,
        connection: Callable[[Any], Mapping[str, str]] = lambda _: {},
        release: Callable[[Any], None] = lambda _: None,
        behaviour: Behaviour | None = None,
        is_v2: bool = False,
    ) -> None:
        super().__init__(api, path)
        self.children, self.connection, self.release = children, connection, release
        self.behaviour = behaviour or Behaviour()
        self.is_v2 = is_v2
        self._secrets: dict[str, Mapping[str, str]] = {}

    def reconcile(self, value: Any) -> float | None:
        how, uid = self.behaviour, value["metadata"]["uid"]
        if how.refused:
            self._report(value, condition("Synced", False, "ReconcileError", how.refused, self._generation(value)))
            return None
        wanted = self.children(value)
        found = [self._compose(value, one) for one in wanted]
        self._refer(value, found)
        unready = [one.name for one, there in zip(wanted, found, strict=True) if not self._provide(one, there)]
        ready = (not unready or how.lies) and not how.never
        if ready and not self._connect(value):
            return _LOOK
        flips = ready and how.flips(uid)
        self._say(value, ready=ready and not flips, unready=unready)
        if how.flaps and ready:
            return how.flap_seconds
        return None if ready else _LOOK

    def finalize(self, value: Any) -> float | None:
        """Delete the children, unless they are to stay, and what was made for the connection."""
        left = [one for one in self.children(value) if self.api.find(self._child_path(value, one))]
        for one in left:
            if self._is_orphan(self.api.find(self._child_path(value, one)) or {}):
                continue
            self.api.delete(self._child_path(value, one))
        going = [one for one in left if not self._is_orphan(self.api.find(self._child_path(value, one)) or {})]
        if going:
            return _LOOK
        if not left:
            self.release(value)
        if ref := self._secret_ref(value):
            self.api.delete(f"/api/v1/namespaces/{ref['namespace']}/secrets/{ref['name']}")
        return None

    def own(self, value: Any) -> Any:
        """Return where this version keeps its own fields."""
        return (value["spec"].get("crossplane") or {}) if self.is_v2 else value["spec"]

    def _is_orphan(self, child: Any) -> bool:
        spec = child.get("spec") or {}
        policies = spec.get("managementPolicies") or ["*"]
        return spec.get("deletionPolicy") == "Orphan" or not {"*", "Delete"} & set(policies)

    def _child_path(self, value: Any, child: Child) -> str:
        name = f"{value['metadata']['name']}-{child.name}"
        namespace = value["metadata"].get("namespace")
        *start, plural = child.path.split("/")
        return "/".join([*start, *(["namespaces", namespace] if namespace else []), plural, name])

    def _compose(self, value: Any, child: Child) -> Any:
        path = self._child_path(value, child)
        metadata = value["metadata"]
        owner = {
            "apiVersion": value["apiVersion"],
            "kind": value["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        orphan = child.spec.get("deletionPolicy") == "Orphan"
        made = {
            "apiVersion": child.api_version,
            "kind": child.kind,
            "metadata": {
                "name": path.rpartition("/")[2],
                "labels": {"crossplane.io/composite": metadata["name"]},
                "annotations": {"crossplane.io/composition-resource-name": child.name},
                **({} if orphan else {"ownerReferences": [owner]}),
            },
            "spec": dict(child.spec),
        }
        return self.api.apply(path, made, _MANAGER)

    def _refer(self, value: Any, found: list[Any]) -> None:
        refs = [
            {"apiVersion": one["apiVersion"], "kind": one["kind"], "name": one["metadata"]["name"]} for one in found
        ]
        if self.own(value).get("resourceRefs") != refs:
            spec = {"crossplane": {"resourceRefs": refs}} if self.is_v2 else {"resourceRefs": refs}
            self.api.patch(self.of(value), {"spec": spec})

    def _provide(self, child: Child, there: Any) -> bool:
        """Set the status of a child as its provider does, and return whether it is ready."""
        path = self._child_path_of(child, there)
        before = (there.get("status") or {}).get("conditions")
        if self.behaviour.broken and self.behaviour.broken[0] == child.name:
            message = self.behaviour.broken[1]
            new = [condition("Synced", False, "ReconcileError", message), condition("Ready", False, "Creating")]
            is_ready = False
        else:
            is_ready = self.behaviour.is_time(there["metadata"]["uid"])
            reason = "Available" if is_ready else "Creating"
            new = [condition("Synced", True, "ReconcileSuccess"), condition("Ready", is_ready, reason)]
        after = merged(before, *new)
        if after != before:
            self.api.patch(f"{path}/status", {"status": {"conditions": after}})
        return is_ready

    def _child_path_of(self, child: Child, there: Any) -> str:
        *start, plural = child.path.split("/")
        namespace = there["metadata"].get("namespace")
        return "/".join([*start, *(["namespaces", namespace] if namespace else []), plural, there["metadata"]["name"]])

    def _secret_ref(self, value: Any) -> Any:
        ref = self.own(value).get("writeConnectionSecretToRef")
        namespace = value["metadata"].get("namespace")
        if ref is None and self.is_v2 and namespace:
            ref = {"name": f"{value['metadata']['name']}-connection"}  # a composition of version 2 composes it
        return {"namespace": namespace, **ref} if ref else None

    def _connect(self, value: Any) -> bool:
        """Write the connection secret once there is something in it."""
        ref, uid = self._secret_ref(value), value["metadata"]["uid"]
        if ref is None:
            return True
        if uid not in self._secrets:
            made = self.connection(value)
            if not made:
                return True
            self._secrets[uid] = made
        path = f"/api/v1/namespaces/{ref['namespace']}/secrets/{ref['name']}"
        if self.api.find(path) is None:
            data = {key: base64.b64encode(one.encode()).decode() for key, one in self._secrets[uid].items()}
            secret = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": ref["name"]},
                "type": "connection.crossplane.io/v1alpha1",
                "data": data,
            }
            self.api.apply(path, secret, _MANAGER)
        return True

    def _generation(self, value: Any) -> int:
        generation = int(value["metadata"]["generation"])
        return generation - 1 if self.behaviour.unobserved else generation

    def _say(self, value: Any, *, ready: bool, unready: list[str]) -> None:
        generation = self._generation(value)
        why = f"Unready resources: {', '.join(unready)}" if unready and not ready else ""
        synced = condition("Synced", True, "ReconcileSuccess", "", generation)
        self._report(value, synced, condition("Ready", ready, "Available" if ready else "Creating", why, generation))

    def _report(self, value: Any, *new: Any) -> None:
        before = (value.get("status") or {}).get("conditions")
        after = merged(before, *new)
        if after != before:
            self.set_status(value, {"conditions": after})


class Claims(Reconciler):
    """Makes a composite of each claim, and says of the claim what the composite says of itself (version 1 only)."""

    finalizer = "finalizer.apiextensions.crossplane.io"

    def __init__(self, api: Api, path: str, composites: str, kind: str) -> None:
        super().__init__(api, path)
        self.composites, self.kind = composites, kind

    def reconcile(self, value: Any) -> float | None:
        metadata, spec = value["metadata"], value["spec"]
        if not spec.get("resourceRef"):
            name = f"{metadata['name']}-{secrets.token_hex(3)[:5]}"
            ref = {"apiVersion": value["apiVersion"], "kind": self.kind, "name": name}
            self.api.patch(self.of(value), {"spec": {"resourceRef": ref}})
            return None
        path = f"{self.composites}/{spec['resourceRef']['name']}"
        composite = self.api.find(path)
        if composite is None:
            self.api.post(self.composites, self._composite(value))
            return _LOOK
        conditions = (composite.get("status") or {}).get("conditions")
        if conditions and (value.get("status") or {}).get("conditions") != conditions:
            self.set_status(value, {"conditions": conditions})
        return _LOOK

    def _composite(self, value: Any) -> Any:
        metadata, spec = value["metadata"], dict(value["spec"])
        ref = spec.pop("resourceRef")
        spec.pop("compositeDeletePolicy", None)
        if secret := spec.get("writeConnectionSecretToRef"):
            spec["writeConnectionSecretToRef"] = {**secret, "namespace": metadata["namespace"]}
        claim = {"apiVersion": value["apiVersion"], "kind": value["kind"]}
        spec["claimRef"] = claim | {"namespace": metadata["namespace"], "name": metadata["name"]}
        labels = {"crossplane.io/claim-name": metadata["name"], "crossplane.io/claim-namespace": metadata["namespace"]}
        made = {"name": ref["name"], "labels": labels}
        return {"apiVersion": value["apiVersion"], "kind": self.kind, "metadata": made, "spec": spec}

    def finalize(self, value: Any) -> float | None:
        ref = value["spec"].get("resourceRef")
        if not ref or self.api.find(f"{self.composites}/{ref['name']}") is None:
            return None
        try:
            self.api.delete(f"{self.composites}/{ref['name']}")
        except ApiException as error:
            if error.status != 404:
                raise
        return _LOOK
