"""The door to a cluster: ``async with api.connect(cluster) as kube``, then objects are got, applied, watched, deleted.

Blocking calls run in threads of two kinds, so that those who wait for a change keep nobody from calling.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from backstage_py import threads
from backstage_py.errors import ConflictError, ForeignError, NotAllowedError, NotFoundError
from backstage_py.integrations.kubernetes import discovery, refs
from backstage_py.integrations.kubernetes.clusters import Cluster
from backstage_py.integrations.kubernetes.connection import PAGE, Connection, NoAnswerError, opened, status_of
from backstage_py.integrations.kubernetes.discovery import Kind
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.model.json import Json, JsonObject

T = TypeVar("T")
Warned = list[str]
FIELD_MANAGER = "backstage-py"
DEFAULT_NAMESPACE = "default"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"
_LOOK_SECONDS = 5
_PAUSES = (0.3, 1.0)  # between tries of calls that do nothing twice
_GONE = 410
_MOST_LISTED = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch saw: ``object`` as it is now; None once it is gone."""

    object: JsonObject | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a controller said about an object: ``type`` is ``Normal`` or ``Warning``."""

    uid: str
    count: int
    type: str
    reason: str
    message: str
    about: Ref

    def __str__(self) -> str:
        """``Kind/namespace/name: reason: message``."""
        return f"{self.about}: {self.reason}: {self.message}"


class Api:
    """A cluster as one caller may use it. All methods raise the errors of ``connection.foreign_errors``.

    NotAllowedError is raised before the cluster is asked where the operator's rules do not let the caller go.
    """

    def __init__(self, connection: Connection, caller: Caller) -> None:
        self._connection = connection
        self._caller = caller

    @property
    def cluster(self) -> Cluster:
        """Where this is."""
        return self._connection.cluster

    async def kind(
        self, api_version: str, kind: str, *, is_new: bool = False, is_cancelled: Callable[[], bool] = lambda: False
    ) -> Kind:
        """Return what the cluster says of a kind; one that ``is_new`` is waited for.

        Raises:
            NotFoundError: it does not have it.
        """
        find = partial(discovery.find, self._connection, api_version, kind, is_new=is_new, is_cancelled=is_cancelled)
        return await threads.remote_call("kubernetes", find)

    async def any_kind(self, group: str, kind: str) -> Kind:
        """Return a kind in the version of its group that the cluster prefers.

        Raises:
            NotFoundError: it does not have it.
        """
        return await threads.remote_call("kubernetes", discovery.find_any, self._connection, group, kind)

    def of_operator(self) -> "Api":
        """Return the same cluster without the rules, to read what belongs to an object that the caller may use."""
        return Api(self._connection, Caller(has_own_token=True))

    async def full(self, ref: Ref) -> Ref:
        """Return a reference with the namespace that its kind needs, or without."""
        kind = await self.kind(ref.api_version, ref.kind)
        return dataclasses.replace(ref, namespace=(ref.namespace or DEFAULT_NAMESPACE) if kind.namespaced else None)

    async def get(self, ref: Ref) -> JsonObject | None:
        """Return an object, None when there is none, or when a later one than ``ref.uid`` has its name."""
        path = await self._path(ref)
        try:
            found = await self._repeatable("GET", path)
        except NotFoundError:
            return None
        return _of_uid(ref, found)

    async def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
    ) -> list[JsonObject]:
        """Return the objects of a kind, of all namespaces without one; ``labels`` and ``fields`` are selectors."""
        known = await self.kind(api_version, kind)
        self._caller.refuse_unless_allowed(self.cluster, known, namespace if known.namespaced else None)
        chosen = [(key, value) for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value]
        items: list[JsonObject] = []
        rest = ""
        while len(items) < _MOST_LISTED:
            query = [*chosen, ("limit", str(PAGE)), *([("continue", rest)] if rest else [])]
            page = await self._repeatable("GET", known.path(namespace if known.namespaced else None), query=query)
            items += [{"apiVersion": api_version, "kind": kind, **one} for one in page.get("items") or []]
            rest = page["metadata"].get("continue") or ""
            if not rest:
                return items
        raise ForeignError(f"The cluster '{self.cluster.name}' has more than {_MOST_LISTED} objects of {kind}")

    async def apply(
        self,
        value: JsonObject,
        *,
        force: bool = False,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        is_new_kind: bool = False,
        warned: Warned | None = None,
    ) -> JsonObject:
        """Apply an object on the server's side and return what the cluster has then; ``warned`` takes its warnings.

        Raises:
            ConflictError: others own a field that it sets; the message names them. ``force`` takes it over.
        """
        ref = refs.of(value)
        path = await self._path(ref, is_new=is_new_kind)
        query = [("fieldManager", field_manager), ("force", "true" if force else "false"), *_dry(dry_run)]
        sent = {"query": query, "body": value, "content_type": _APPLY, "warned": warned}
        try:
            return await self._repeatable("PATCH", path, **sent)
        except NotFoundError:
            if not await self._has_moved(ref, path):
                raise
            return await self._repeatable("PATCH", await self._path(ref), **sent)

    async def create(
        self,
        value: JsonObject,
        *,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        warned: Warned | None = None,
    ) -> JsonObject:
        """Create an object; with ``metadata.generateName`` the cluster names it. Never tried twice but in a dry run.

        ``warned`` takes the cluster's warnings.

        Raises:
            ConflictError: it is there already.
        """
        ref = refs.of(value)
        kind = await self._allowed(ref)
        namespace = (ref.namespace or DEFAULT_NAMESPACE) if kind.namespaced else None
        query = [("fieldManager", field_manager), *_dry(dry_run)]
        call = self._repeatable if dry_run else self._call
        return await call("POST", kind.path(namespace), query=query, body=value, warned=warned)

    async def merge(self, ref: Ref, change: JsonObject, *, dry_run: bool = False) -> JsonObject:
        """Merge a change into an object that is there (RFC 7386) and return it."""
        query = [("fieldManager", FIELD_MANAGER), *_dry(dry_run)]
        return await self._repeatable("PATCH", await self._path(ref), query=query, body=change, content_type=_MERGE)

    async def delete(self, ref: Ref, *, propagation: str = "Background", dry_run: bool = False) -> bool:
        """Have an object go; False when it was gone. With ``ref.uid`` a later one of its name stays.

        Args:
            ref: the object.
            propagation: what becomes of what it owns: ``Background``, ``Foreground`` or ``Orphan``.
            dry_run: only ask whether it would go.
        """
        body: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if ref.uid:
            body["preconditions"] = {"uid": ref.uid}
        if dry_run:
            body["dryRun"] = ["All"]  # with a body, the API server heeds no query
        try:
            await self._repeatable("DELETE", await self._path(ref), body=body)
        except NotFoundError:
            return False
        except ConflictError:
            if ref.uid and await self.get(ref) is None:
                return False
            raise
        return True

    async def watch(self, ref: Ref, *, look_every: float = _LOOK_SECONDS) -> AsyncGenerator[Change]:
        """Yield an object as it is, then each change, and the same again after ``look_every`` seconds without one.

        It ends never by itself. Where the credentials may get an object but not watch it, it is looked at that often. A
        cluster that does not answer raises; watching anew goes on from what is then.
        """
        where, _, name = (await self._path(ref)).rpartition("/")
        chosen = ("fieldSelector", f"metadata.name={name}")
        seen: JsonObject | None = None
        version = ""
        while True:
            if not version:
                seen, version = await self._look(ref, where, chosen)
                yield Change(seen)
            if not version:
                await asyncio.sleep(look_every)
                continue
            events = await self._changes(where, [chosen, ("resourceVersion", version)], look_every)
            for event in events:
                value = event["object"]
                if event["type"] == "ERROR":
                    version = ""  # it was too long ago: look at what is now
                    break
                version = value["metadata"]["resourceVersion"]
                seen = None if event["type"] == "DELETED" else _of_uid(ref, value)
                yield Change(seen)
            if not events:
                yield Change(seen)

    async def _look(self, ref: Ref, where: str, chosen: tuple[str, str]) -> tuple[JsonObject | None, str]:
        """Return an object and from where on to watch it: the list's version, since its own may be forgotten by now."""
        try:
            listed = await self._repeatable("GET", where, query=[chosen])
        except NotAllowedError:
            return await self.get(ref), ""
        kind = {"apiVersion": ref.api_version, "kind": ref.kind}
        found = [{**kind, **one} for one in listed.get("items") or []]
        return (_of_uid(ref, found[0]) if found else None), str(listed["metadata"]["resourceVersion"])

    async def _changes(self, where: str, query: Sequence[tuple[str, str]], seconds: float) -> Sequence[JsonObject]:
        look = partial(self._connection.first_events, where, query, max(1, round(seconds)))
        try:
            return await threads.remote_call("kubernetes watches", look)
        except NotAllowedError:
            await asyncio.sleep(seconds)
        except ForeignError as error:
            if status_of(error).get("code") != _GONE:
                raise
        return [{"type": "ERROR", "object": {}}]

    async def events(self, ref: Ref) -> Sequence[Event]:
        """Return what controllers said about an object, oldest first; empty where events may not be read."""
        namespace = ref.namespace or DEFAULT_NAMESPACE
        chosen = f"involvedObject.name={ref.name},involvedObject.kind={ref.kind}"
        if ref.uid:
            chosen += f",involvedObject.uid={ref.uid}"
        path = Kind("v1", "Event", "events", namespaced=True).path(namespace)
        listed = await self._repeatable("GET", path, query=[("fieldSelector", chosen)])
        found = sorted(listed.get("items") or [], key=lambda one: str(one.get("lastTimestamp") or ""))
        return [_event(one) for one in found]

    async def log(self, namespace: str, pod: str, container: str, *, lines: int = 20, previous: bool = False) -> str:
        """Return the last lines of a container's log; ``previous`` is the run before a restart."""
        ref = Ref("v1", "Pod", pod, namespace)
        query = [("container", container), ("tailLines", str(lines)), ("previous", "true" if previous else "false")]
        path = await self._path(ref)
        return await threads.remote_call("kubernetes", self._connection.text, f"{path}/log", query)

    async def may(self, verb: str, api_version: str, kind: str, namespace: str | None = None) -> bool:
        """Ask whether the cluster would let these credentials do something, such as ``create``."""
        known = await self.kind(api_version, kind)
        group = api_version.rpartition("/")[0]
        attributes = {"verb": verb, "group": group, "resource": known.plural, "namespace": namespace or ""}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await self._call("POST", path, body=review)
        return bool(answer["status"].get("allowed"))

    async def _has_moved(self, ref: Ref, path: str) -> bool:
        """Say whether a kind that is remembered is elsewhere by now: its definition was deleted and made anew."""
        discovery.forget(self._connection, ref.api_version)
        return await self._path(ref) != path

    async def _path(self, ref: Ref, *, is_new: bool = False) -> str:
        kind = await self._allowed(ref, is_new=is_new)
        return kind.path((ref.namespace or DEFAULT_NAMESPACE) if kind.namespaced else None, ref.name)

    async def _allowed(self, ref: Ref, *, is_new: bool = False) -> Kind:
        kind = await self.kind(ref.api_version, ref.kind, is_new=is_new)
        namespace = (ref.namespace or DEFAULT_NAMESPACE) if kind.namespaced else None
        self._caller.refuse_unless_allowed(self.cluster, kind, namespace, ref.name)
        return kind

    async def _call(self, method: str, path: str, **options: Json) -> JsonObject:
        return await threads.remote_call("kubernetes", partial(self._connection.call, method, path, **options))

    async def _repeatable(self, method: str, path: str, **options: Json) -> JsonObject:
        """Call the API; when it does not answer, again after a moment, since that does nothing twice."""
        for pause in _PAUSES:
            try:
                return await self._call(method, path, **options)
            except NoAnswerError:
                await asyncio.sleep(pause)
        return await self._call(method, path, **options)


def _dry(dry_run: bool) -> list[tuple[str, str]]:  # noqa: FBT001  # a query of it
    return [("dryRun", "All")] if dry_run else []


def _of_uid(ref: Ref, value: JsonObject) -> JsonObject | None:
    """Return an object unless it is a later one than was meant."""
    return value if ref.uid in (None, value["metadata"]["uid"]) else None


def _event(value: JsonObject) -> Event:
    about: Mapping[str, str] = value["involvedObject"]
    return Event(
        uid=value["metadata"]["uid"],
        count=int(value.get("count") or 1),
        type=str(value.get("type") or "Normal"),
        reason=str(value.get("reason") or ""),
        message=str(value.get("message") or "").strip(),
        about=Ref(about.get("apiVersion", ""), about["kind"], about["name"], about.get("namespace"), about.get("uid")),
    )


@asynccontextmanager
async def connect(cluster: Cluster, caller: Caller) -> AsyncIterator[Api]:
    """Open a cluster for one caller until the block is left.

    Raises:
        ServiceUnavailableError: its credentials cannot be had.
    """
    connection = await opened(partial(Connection, cluster))
    try:
        yield Api(connection, caller)
    finally:
        await threads.remote_call("kubernetes", connection.close)


__all__ = ["FIELD_MANAGER", "Api", "Change", "Event", "Kind", "NoAnswerError", "Ref", "connect"]
