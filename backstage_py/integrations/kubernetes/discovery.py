"""The kinds of a cluster, as it describes them itself: remembered for a while, asked anew for what is missing."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from backstage_py.errors import NotFoundError
from backstage_py.integrations.kubernetes.connection import Connection
from backstage_py.model.json import JsonObject
from backstage_py.model.web_url import segment

_NEW_KIND_WAIT = 30.0
_NEW_KIND_PAUSE = 0.25
_REMEMBERED_SECONDS = 600.0
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of a cluster, and where its objects are."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def full_name(self) -> str:
        """``Deployment.apps``, and ``ConfigMap`` for the core's."""
        group = self.api_version.rpartition("/")[0]
        return f"{self.kind}.{group}" if group else self.kind

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of a list or an object; no part of it leaves its place."""
        parts = [*_parts(self.api_version), "namespaces" if namespace else "", segment(namespace) if namespace else ""]
        return "/" + "/".join(part for part in (*parts, self.plural, segment(name) if name else "") if part)


_lock = threading.Lock()
_known: dict[tuple[str, str], tuple[float, list[JsonObject]]] = {}


def find(
    connection: Connection,
    api_version: str,
    kind: str,
    *,
    is_new: bool = False,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Kind:
    """Return a kind; blocks.

    Args:
        connection: to the cluster.
        api_version: as in manifests, such as ``apps/v1``.
        kind: such as ``Deployment``.
        is_new: its definition was just applied: wait until the cluster serves it.
        is_cancelled: looked at while waiting.

    Raises:
        NotFoundError: the cluster does not have it.
    """
    give_up = time.monotonic() + (_NEW_KIND_WAIT if is_new else 0)
    is_fresh = False
    while True:
        listed = _described(connection, api_version, anew=is_fresh)
        for one in listed:
            if one["kind"] == kind:
                return Kind(api_version, kind, one["name"], one["namespaced"])
        if is_fresh and (time.monotonic() >= give_up or is_cancelled()):
            raise NotFoundError(
                f"The cluster '{connection.cluster.name}' has no kind {kind} in {api_version}; "
                "check the spelling, or install its CustomResourceDefinition first"
            )
        if is_fresh:
            time.sleep(_NEW_KIND_PAUSE)
        is_fresh = True


def find_any(connection: Connection, group: str, kind: str) -> Kind:
    """Return a kind in the version of its group that the cluster prefers; blocks.

    Raises:
        NotFoundError: the cluster does not have it.
    """
    if not group:
        return find(connection, "v1", kind)
    try:
        answer = connection.call("GET", f"/apis/{segment(group)}")
    except NotFoundError:
        answer = {}
    preferred = (answer.get("preferredVersion") or {}).get("groupVersion")
    versions = [one["groupVersion"] for one in answer.get("versions") or []]
    for version in sorted(versions, key=lambda one: one != preferred):
        if any(one["kind"] == kind for one in _described(connection, version, anew=False)):
            return find(connection, version, kind)
    raise NotFoundError(f"The cluster '{connection.cluster.name}' has no kind {kind} in the group {group}")


def forget(connection: Connection, api_version: str) -> None:
    """Ask anew next time: a kind is no longer where it was."""
    with _lock:
        _known.pop((connection.cluster.url, api_version), None)


def _described(connection: Connection, api_version: str, *, anew: bool) -> list[JsonObject]:
    key = (connection.cluster.url, api_version)
    with _lock:
        since, listed = _known.get(key, (0.0, []))
    if listed and not anew and time.monotonic() - since < _REMEMBERED_SECONDS:
        return listed
    try:
        answer = connection.call("GET", "/" + "/".join(_parts(api_version)))
    except NotFoundError:
        return []
    listed = [one for one in answer.get("resources") or [] if "/" not in one["name"]]
    with _lock:
        if len(_known) >= _MOST_REMEMBERED:
            _known.clear()
        _known[key] = (time.monotonic(), listed)
    return listed


def _parts(api_version: str) -> list[str]:
    """Return prefix, group and version as paths have them."""
    group, _, version = api_version.rpartition("/")
    return ["apis", segment(group), segment(version)] if group else ["api", segment(version)]
