"""The objects that an action's input names: one by kind and name, or those that an earlier step put out."""

from collections.abc import Sequence

from backstage_py.integrations.kubernetes import refs
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import InputError, JsonObject


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
    """Return the version of a kind, the usual one where none was given."""
    return api_version or refs.usual_version(kind)
