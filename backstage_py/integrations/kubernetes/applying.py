"""Applying the objects of a manifest in their order, for real or to see what would change."""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backstage_py.errors import BackstageError, ConflictError, NotAllowedError, NotFoundError
from backstage_py.integrations.kubernetes import denials, differences, manifest, refs
from backstage_py.integrations.kubernetes.api import DEFAULT_NAMESPACE, FIELD_MANAGER, Api
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.model.json import JsonObject

_MADE_BY = "backstage-py.io/made-by"


@dataclass(frozen=True, slots=True)
class Applied:
    """What the cluster made of one object of a manifest.

    Attributes:
        object: as the cluster has it then; in a dry run as it would.
        change: ``created``, ``configured`` or ``unchanged``; ``applied`` where the object may not be read.
        diff: what changed, as a unified diff; empty when it was not asked for.
    """

    object: JsonObject
    change: str
    diff: str = ""

    @property
    def ref(self) -> Ref:
        """What names it, its uid included."""
        return refs.of(self.object)

    @property
    def name(self) -> str:
        """``Kind/namespace/name``, without the namespace if there is none."""
        return str(self.ref)


@dataclass(frozen=True, slots=True)
class Manner:
    """How objects are applied.

    Attributes:
        force: take over fields that others own, instead of failing with their names.
        dry_run: the cluster checks and changes nothing; ``Applied.diff`` says what it would.
        field_manager: who owns the fields afterwards.
        identity: of the step; an object with ``generateName`` is made once for it. Empty: anew each time.
        namespace: of objects that name none, if their kind has one.
    """

    force: bool = False
    dry_run: bool = False
    field_manager: str = FIELD_MANAGER
    identity: str = ""
    namespace: str = DEFAULT_NAMESPACE


async def apply(
    api: Api,
    objects: Sequence[JsonObject],
    manner: Manner = Manner(),  # frozen
    *,
    on_applied: Callable[[Applied], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[Applied]:
    """Apply objects in their order; the first that fails ends it, those before it stay.

    A kind that a CustomResourceDefinition of the same manifest brings is waited for.

    Args:
        api: the cluster.
        objects: of ``manifest.objects``.
        manner: how.
        on_applied: called for each object.
        tell: called with what a dry run cannot know, and what the cluster and its admission warn of.
        is_cancelled: looked at before each object.

    Raises:
        BackstageError: of ``connection.foreign_errors``; the message names the object, the owners of fields that are in
            conflict, and the policies that refused it.
    """
    new_kinds = {manifest.declared_kind(one) for one in objects} - {None}
    new_namespaces = {one["metadata"].get("name") for one in objects if one["kind"] == "Namespace"}
    done: list[Applied] = []
    for index, one in enumerate(objects):
        if is_cancelled():
            break
        comes = (one["apiVersion"].rpartition("/")[0], one["kind"]) in new_kinds
        is_new, value = comes and not manner.dry_run, one
        try:
            value = await _placed(api, one, manner, is_new=is_new)
            warned: list[str] = []
            applied = await _apply_one(api, value, manner, index, is_new=is_new, warned=warned)
        except NotFoundError as error:
            comes = comes or value["metadata"].get("namespace") in new_namespaces
            if not (manner.dry_run and comes):
                raise _named(value, error) from error
            tell(f"{refs.of(value)} cannot be tried: its kind or namespace comes with this manifest")
            continue
        except BackstageError as error:
            raise _named(value, error) from error
        done.append(applied)
        on_applied(applied)
        for text in warned:
            tell(f"{applied.name}: {text}")
    return done


async def _apply_one(
    api: Api, value: JsonObject, manner: Manner, index: int, *, is_new: bool, warned: list[str]
) -> Applied:
    if "name" not in value["metadata"]:
        return await _create_once(api, value, manner, index, warned)
    before, was_seen = None, is_new
    if not is_new:
        with contextlib.suppress(NotAllowedError):  # credentials that may apply need not be able to read
            before, was_seen = await api.get(refs.of(value)), True
    after = await api.apply(
        value,
        force=manner.force,
        dry_run=manner.dry_run,
        field_manager=manner.field_manager,
        is_new_kind=is_new,
        warned=warned,
    )
    return Applied(after, _change(before, after, manner) if was_seen else "applied", _diff(before, after, manner))


async def _placed(api: Api, value: JsonObject, manner: Manner, *, is_new: bool) -> JsonObject:
    """Return the object in its namespace; kinds without one must not name any."""
    metadata = value["metadata"]
    kind = await api.kind(value["apiVersion"], value["kind"], is_new=is_new)
    if metadata.get("namespace") or not kind.namespaced:
        return value
    return {**value, "metadata": {**metadata, "namespace": manner.namespace}}


async def _create_once(api: Api, value: JsonObject, manner: Manner, index: int, warned: list[str]) -> Applied:
    """Create an object that the cluster names, unless an earlier run of the step did."""
    metadata = value["metadata"]
    if manner.identity:
        mark = hashlib.sha256(f"{manner.identity}\0{index}".encode()).hexdigest()[:40]
        for one in await api.list(
            value["apiVersion"], value["kind"], metadata.get("namespace"), labels=f"{_MADE_BY}={mark}"
        ):
            return Applied(one, "unchanged")
        metadata = {**metadata, "labels": {**(metadata.get("labels") or {}), _MADE_BY: mark}}
    made = await api.create(
        {**value, "metadata": metadata}, dry_run=manner.dry_run, field_manager=manner.field_manager, warned=warned
    )
    return Applied(made, "created", _diff(None, made, manner))


def _change(before: JsonObject | None, after: JsonObject, manner: Manner) -> str:
    if before is None:
        return "created"
    if manner.dry_run:
        return "configured" if differences.between("", before, after) else "unchanged"
    is_same = before["metadata"].get("resourceVersion") == after["metadata"].get("resourceVersion")
    return "unchanged" if is_same else "configured"


def _diff(before: JsonObject | None, after: JsonObject, manner: Manner) -> str:
    return differences.between(str(replace(refs.of(after), uid=None)), before, after) if manner.dry_run else ""


def _named(value: JsonObject, error: BackstageError) -> BackstageError:
    """Say in an error which object it was, and who refused it."""
    text = f"Failed to apply {refs.of(value)}: {error.message}"
    if isinstance(error, ConflictError) and "conflict" in error.message.lower():
        text += "; set 'force' to take the fields over, or leave them out"
    refused = denials.read(error.message)
    if refused:
        text = f"Failed to apply {refs.of(value)}: refused by " + "; ".join(str(one) for one in refused)
    return type(error)(text)
