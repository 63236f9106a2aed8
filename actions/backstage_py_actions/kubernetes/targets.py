"""The objects that an action's input names: one by kind and name, or those that an earlier step put out."""

from collections.abc import Sequence

from backstage_py.integrations.kubernetes import refs
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import InputError, JsonObject

_VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1"}
_VERSIONS |= {"Job": "batch/v1", "Rollout": "argoproj.io/v1alpha1", "Ingress": "networking.k8s.io/v1"}


def read(
    objects: Sequence[JsonObject] | None,
    api_version: str | None,
    kind: str | None,
    name: str | None,
    namespace: str | None,
) -> list[Ref]:
    """Return what is named, ``objects`` with the ``uid`` that they have.

    Raises:
        InputError: nothing is.
    """
    if objects is not None:
        return [refs.from_json(one) for one in objects]
    if not kind or not name:
        raise InputError("Give 'kind' and 'name', or 'objects' as kubernetes:apply puts them out")
    return [Ref(version(api_version, kind), kind, name, namespace)]


def version(api_version: str | None, kind: str) -> str:
    """Return the version of a kind that was given without one: that of the usual kinds, else the core's."""
    return api_version or _VERSIONS.get(kind, "v1")
