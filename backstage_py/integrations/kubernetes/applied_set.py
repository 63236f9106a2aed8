"""What was applied together, so that what is no longer in it can be pruned: an ApplySet as Kubernetes specifies it.

A parent object (here a ConfigMap) has the set's id as a label and says in annotations of which kinds and in which
namespaces its members are; each member has the id as a label
(https://git.k8s.io/enhancements/keps/sig-cli/3659-kubectl-apply-prune).
So ``kubectl`` knows the set, too.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backstage_py.errors import ConflictError, NotFoundError
from backstage_py.integrations.kubernetes import refs
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import JsonObject

_PREFIX = "applyset.kubernetes.io"
_TOOL = "backstage-py"
PART_OF = f"{_PREFIX}/part-of"


@dataclass(frozen=True, slots=True)
class AppliedSet:
    """A set by the name and namespace of its parent."""

    name: str
    namespace: str

    @property
    def ref(self) -> Ref:
        """Its parent."""
        return Ref("v1", "ConfigMap", self.name, self.namespace)

    @property
    def id(self) -> str:
        """What labels bear."""
        digest = hashlib.sha256(f"{self.name}.{self.namespace}.ConfigMap.".encode()).digest()
        return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"

    def member(self, value: JsonObject) -> JsonObject:
        """Return an object with the label of a member."""
        metadata = value["metadata"]
        labels = {**(metadata.get("labels") or {}), PART_OF: self.id}
        return {**value, "metadata": {**metadata, "labels": labels}}


@dataclass(frozen=True, slots=True)
class Contents:
    """Where members are: ``(group, kind)`` and namespaces."""

    kinds: frozenset[tuple[str, str]] = frozenset()
    namespaces: frozenset[str] = frozenset()

    def joined(self, other: "Contents") -> "Contents":
        """Return both together."""
        return Contents(self.kinds | other.kinds, self.namespaces | other.namespaces)


def contents(members: Iterable[Ref]) -> Contents:
    """Return where these are."""
    listed = list(members)
    return Contents(
        frozenset((one.group, one.kind) for one in listed), frozenset(one.namespace for one in listed if one.namespace)
    )


async def read(api: Api, applied: AppliedSet) -> Contents:
    """Return where members were so far.

    Raises:
        ConflictError: the parent is something else, or another tool's.
    """
    parent = await api.get(applied.ref)
    if parent is None:
        return Contents()
    metadata = parent["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    tool = str(notes.get(f"{_PREFIX}/tooling") or "")
    if labels.get(f"{_PREFIX}/id") != applied.id or not tool.startswith(f"{_TOOL}/"):
        whose = f"it belongs to {tool}" if tool else "it is no applied set"
        raise ConflictError(f"{applied.ref} cannot hold the applied set: {whose}; choose another name")
    kinds = [one.partition(".") for one in _listed(notes.get(f"{_PREFIX}/contains-group-kinds"))]
    found = frozenset((group, kind) for kind, _, group in kinds)
    return Contents(found, frozenset(_listed(notes.get(f"{_PREFIX}/additional-namespaces"))) | {applied.namespace})


def _listed(text: str | None) -> list[str]:
    return [one for one in (text or "").split(",") if one]


async def write(api: Api, applied: AppliedSet, where: Contents, *, dry_run: bool = False) -> None:
    """Say in the parent where members are; before they are applied of old and new, afterwards of the new alone."""
    names = sorted(f"{kind}.{group}" if group else kind for group, kind in where.kinds)
    others = sorted(where.namespaces - {applied.namespace})
    annotations = {
        f"{_PREFIX}/tooling": f"{_TOOL}/v1",
        f"{_PREFIX}/contains-group-kinds": ",".join(names),
        f"{_PREFIX}/additional-namespaces": ",".join(others),
    }
    parent = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": applied.name,
            "namespace": applied.namespace,
            "labels": {f"{_PREFIX}/id": applied.id},
            "annotations": annotations,
        },
    }
    await api.apply(parent, dry_run=dry_run)


async def members(api: Api, applied: AppliedSet, where: Contents) -> list[Ref]:
    """Return what bears the set's label."""
    found: list[Ref] = []
    for group, kind in sorted(where.kinds):
        try:
            known = await api.any_kind(group, kind)
        except NotFoundError:
            continue  # with its definition, its objects went, too
        for namespace in sorted(where.namespaces) if known.namespaced else [None]:
            listed = await api.list(known.api_version, kind, namespace, labels=f"{PART_OF}={applied.id}")
            found += [refs.of(one) for one in listed]
    return found


async def prune(api: Api, applied: AppliedSet, before: Contents, kept: Sequence[Ref], *, dry_run: bool) -> list[Ref]:
    """Delete the members that are not kept, and return them."""
    keep = {(one.group, one.kind, one.namespace, one.name) for one in kept}
    gone: list[Ref] = []
    for one in await members(api, applied, before.joined(contents(kept))):
        if (one.group, one.kind, one.namespace, one.name) not in keep:
            await api.delete(one, dry_run=dry_run)
            gone.append(one)
    return gone


async def delete(api: Api, applied: AppliedSet, *, dry_run: bool) -> list[Ref]:
    """Delete all members and then the parent, and return the members."""
    gone = await prune(api, applied, await read(api, applied), (), dry_run=dry_run)
    await api.delete(applied.ref, dry_run=dry_run)
    return gone
