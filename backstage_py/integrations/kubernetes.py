"""Kubernetes through its official client, in threads; its errors become ours in ``foreign_errors``.

Manifests are applied on the server's side: the cluster merges, so that what others own of an object stays theirs.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backstage_py import errors, threads
from backstage_py.errors import BackstageError, InputError, NotFoundError, ServiceUnavailableError
from backstage_py.integrations.kubernetes_clusters import Cluster
from backstage_py.integrations.web.http import header_token
from backstage_py.model import excerpt, json, yaml
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.web_url import segment

if TYPE_CHECKING:
    from kubernetes.dynamic import DynamicClient, Resource

FIELD_MANAGER = "backstage-py"
_LARGEST_MANIFEST = 5 * 1024 * 1024
_MOST_OBJECTS = 500
_MOST_DOCUMENTS = 10 * _MOST_OBJECTS  # empty ones are no objects
_OPTIONS: Final = {"_request_timeout": 30.0, "serialize": False}
_NEW_KIND_WAIT = 30.0
_NEW_KIND_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Applied:
    """What the cluster made of one object of a manifest."""

    object: JsonObject

    @property
    def name(self) -> str:
        """``Kind/namespace/name``, without the namespace if there is none."""
        return _name(self.object)


async def read(manifest: str | JsonObject) -> list[JsonObject]:
    """Return ``objects(manifest)``, off the event loop when there is much to read."""
    size = len(manifest) if isinstance(manifest, str) else 0
    return await threads.render_large(size, objects, manifest)


def objects(manifest: str | JsonObject) -> list[JsonObject]:
    """Return the objects of a manifest: documents that are empty are left out, those of a ``List`` stand for it.

    Raises:
        YamlError: it is not valid. InputError: one is no Kubernetes object, or there is too much.
    """
    if isinstance(manifest, str) and len(manifest) > _LARGEST_MANIFEST:
        raise InputError(f"The manifest is larger than {_LARGEST_MANIFEST // (1024 * 1024)} MiB")
    if isinstance(manifest, str) and manifest.count("\n---") > _MOST_DOCUMENTS:  # before it is read: that takes seconds
        raise InputError(f"The manifest has more than {_MOST_DOCUMENTS} documents")
    found = [one for value in _values(manifest) for one in _expanded(value)]
    if len(found) > _MOST_OBJECTS:
        raise InputError(f"The manifest has more than {_MOST_OBJECTS} objects")
    for index, one in enumerate(found):
        _refuse_incomplete(one, index)
    return found


def _values(manifest: str | JsonObject) -> Iterator[Json]:
    if not isinstance(manifest, str):
        yield manifest
        return
    for document in yaml.load_all(manifest, filename="manifest"):
        if error := document.error():
            raise error
        yield document.value


def _expanded(value: Json) -> list[Json]:
    if value is None:
        return []
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        items: list[Json] = value["items"]
        return items
    return [value]


def _refuse_incomplete(value: Json, index: int) -> None:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value.get(key), str) for key in ("apiVersion", "kind")):
        raise InputError(f"Document {index + 1} of the manifest needs 'apiVersion', 'kind' and 'metadata'")
    if not isinstance(metadata.get("name") or metadata.get("generateName"), str):
        raise InputError(f"Document {index + 1} of the manifest needs 'metadata.name' or 'metadata.generateName'")


async def apply(
    cluster: Cluster,
    manifest: Sequence[JsonObject],
    *,
    force: bool,
    on_applied: Callable[[Applied], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    field_manager: str = FIELD_MANAGER,
) -> list[Applied]:
    """Apply objects in their order; the first that fails ends it, those before it stay.

    An object without a namespace goes to ``default`` when its kind is namespaced; one with ``generateName`` only is
    created anew. A kind that a CustomResourceDefinition of the same manifest brings is waited for.

    Args:
        cluster: where to.
        manifest: of ``objects``.
        force: take over fields that others own, instead of failing with their names.
        on_applied: called for each object, in a thread.
        is_cancelled: looked at before each object.
        field_manager: who owns the fields afterwards.

    Raises:
        InputError, AuthenticationError, NotAllowedError, NotFoundError, ConflictError (fields that others own),
        ServiceUnavailableError, ForeignError.
    """

    def run() -> list[Applied]:
        applied: list[Applied] = []
        with _connected(cluster, is_cancelled) as api:
            new_kinds = {_declared_kind(one) for one in manifest} - {None}
            for one in manifest:
                if is_cancelled():
                    break
                resource = api.resource(one["apiVersion"], one["kind"], is_new=_kind(one) in new_kinds)
                applied.append(Applied(api.apply(resource, one, force=force, field_manager=field_manager)))
                on_applied(applied[-1])
        return applied

    return await threads.remote_call("kubernetes", run)


def _declared_kind(value: JsonObject) -> tuple[str, str] | None:
    """Return group and kind that a CustomResourceDefinition declares."""
    if value["kind"] != "CustomResourceDefinition":
        return None
    spec = value.get("spec") or {}
    return str(spec.get("group")), str((spec.get("names") or {}).get("kind"))


def _kind(value: JsonObject) -> tuple[str, str]:
    return value["apiVersion"].rpartition("/")[0], value["kind"]


def _name(value: JsonObject) -> str:
    metadata = value["metadata"]
    parts = (value["kind"], metadata.get("namespace"), metadata.get("name") or f"{metadata.get('generateName')}*")
    return "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class _Api:
    """A cluster through the official client, and its kinds as it describes them itself."""

    client: "DynamicClient"
    cluster: Cluster
    is_cancelled: Callable[[], bool]
    _kinds: dict[str, list[JsonObject]] = field(default_factory=dict)

    def resource(self, api_version: str, kind: str, *, is_new: bool) -> "Resource":
        """Return a kind; one that is new is waited for."""
        from kubernetes.dynamic import Resource

        prefix, group, version = _parts(api_version)
        give_up = time.monotonic() + (_NEW_KIND_WAIT if is_new else 0)
        while True:
            found = next((one for one in self._described(api_version) if one["kind"] == kind), None)
            if found:
                place = {"prefix": prefix, "group": group, "api_version": version}
                make: Any = Resource  # it publishes no types
                made: Resource = make(**{**found, **place}, client=self.client)
                return made
            self._kinds.pop(api_version, None)
            if time.monotonic() >= give_up or self.is_cancelled():
                raise NotFoundError(
                    f"The cluster '{self.cluster.name}' has no kind {kind} in {api_version}; "
                    "check the spelling, or install its CustomResourceDefinition first"
                )
            time.sleep(_NEW_KIND_PAUSE)

    def _described(self, api_version: str) -> list[JsonObject]:
        if api_version not in self._kinds:
            path = "/".join(part for part in _parts(api_version) if part)
            try:
                with foreign_errors(self.cluster):
                    listed = _parsed(self.client.request("get", path, **_OPTIONS)).get("resources") or []
            except NotFoundError:
                listed = []
            self._kinds[api_version] = [one for one in listed if "/" not in one["name"]]
        return self._kinds[api_version]

    def apply(self, resource: "Resource", value: JsonObject, *, force: bool, field_manager: str) -> JsonObject:
        """Apply one object and return what the cluster has then. The client puts names into paths as they are."""
        metadata = value["metadata"]
        namespace = segment(metadata.get("namespace") or "default") if resource.namespaced else None
        options = {"body": value, "namespace": namespace, "field_manager": field_manager, **_OPTIONS}
        with _named(value, self.cluster):
            if "name" not in metadata:
                return _parsed(resource.create(**options))
            name = segment(metadata["name"])
            return _parsed(resource.server_side_apply(**options, name=name, force_conflicts=force))


def _parsed(answer: Any) -> JsonObject:
    parsed: JsonObject = json.parse(answer.data)
    return parsed


def _parts(api_version: str) -> tuple[str, str, str]:
    """Return prefix, group and version as paths have them."""
    group, _, version = api_version.rpartition("/")
    return ("apis", segment(group), segment(version)) if group else ("api", "", segment(version))


@contextmanager
def _connected(cluster: Cluster, is_cancelled: Callable[[], bool]) -> Iterator[_Api]:
    from kubernetes import client
    from kubernetes.dynamic import DynamicClient

    with tempfile.TemporaryDirectory(prefix="backstage-kubernetes-") as folder, foreign_errors(cluster):
        configuration = client.Configuration()
        configuration.host = cluster.url
        configuration.verify_ssl = cluster.verify
        configuration.retries = False
        if cluster.ca:
            configuration.ssl_ca_cert = str(Path(folder, "ca.crt"))
            Path(folder, "ca.crt").write_text(cluster.ca)
        if cluster.token:
            configuration.api_key = {"authorization": f"Bearer {header_token(cluster.token)}"}
        with client.ApiClient(configuration) as api:
            connect: Any = DynamicClient  # it publishes no types
            yield _Api(connect(api, discoverer=_NoDiscovery), cluster, is_cancelled)


class _NoDiscovery:
    """In place of the client's own, which asks for all groups and keeps what it learns in a folder that all share."""

    def __init__(self, *_: object) -> None:
        pass


@contextmanager
def _named(value: JsonObject, cluster: Cluster) -> Iterator[None]:
    """Say in an error which object it was."""
    try:
        with foreign_errors(cluster):
            yield
    except BackstageError as error:
        raise type(error)(f"Failed to apply {_name(value)}: {error.message}") from error


@contextmanager
def foreign_errors(cluster: Cluster) -> Iterator[None]:
    """Raise the client's and its transport's errors as ours, with the cluster's own words."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if not error.status:  # the client's way to say that there was no answer
            raise _no_answer(cluster, str(error.reason).replace("\n", ": ")) from error
        message = _error_message(error.body) or f"{error.status} {error.reason}"
        raise errors.of_status(error.status, message) from error
    except (HTTPError, OSError) as error:
        raise _no_answer(cluster, str(error)) from error


def _no_answer(cluster: Cluster, why: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"The cluster '{cluster.name}' does not answer: {why}")


def _error_message(body: Json) -> str:
    try:
        message = json.parse(body)["message"]
    except (ValueError, TypeError, KeyError):
        return excerpt.beginning(str(body or "").strip(), 1_000)
    return str(message)


__all__ = ["FIELD_MANAGER", "Applied", "Cluster", "apply", "foreign_errors", "objects"]
