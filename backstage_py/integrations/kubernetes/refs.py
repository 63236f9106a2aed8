"""What names an object of a cluster."""

from dataclasses import dataclass

from backstage_py.model import cluster_kinds
from backstage_py.model.json import JsonObject


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by kind and name; ``namespace`` is None for kinds without. ``uid`` tells it from a later one."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None
    uid: str | None = None

    def __str__(self) -> str:
        """``Kind/namespace/name``, without the namespace if there is none."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def group(self) -> str:
        """The API group, empty for the core's."""
        return self.api_version.rpartition("/")[0]

    def as_json(self) -> JsonObject:
        """Return it as templates see it: ``apiVersion, kind, name, namespace, uid``; what is None is left out."""
        values = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
        }
        return {key: value for key, value in values.items() if value is not None}


def usual_version(kind: str) -> str:
    """Return the version of a kind that is given without one: that of the usual kinds, else the core's."""
    return cluster_kinds.usual_version(kind)


def of(value: JsonObject, namespace: str | None = None) -> Ref:
    """Return what names an object, in ``namespace`` if it says none; a name to be generated ends in ``*``."""
    metadata = value["metadata"]
    name = metadata.get("name") or f"{metadata.get('generateName')}*"
    return Ref(value["apiVersion"], value["kind"], name, metadata.get("namespace") or namespace, metadata.get("uid"))


def from_json(value: JsonObject) -> Ref:
    """Return what ``Ref.as_json`` wrote, or a template in the same shape."""
    return Ref(value["apiVersion"], value["kind"], value["name"], value.get("namespace"), value.get("uid"))
