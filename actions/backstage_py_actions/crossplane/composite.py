"""``crossplane:xr:apply`` and ``crossplane:xr:wait``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backstage_py.integrations.crossplane import checking, composing, definitions
from backstage_py.integrations.crossplane.composing import LOOKS, PATIENCE, Patience
from backstage_py.integrations.crossplane.definitions import Definition
from backstage_py.integrations.kubernetes import applying, differences, refs
from backstage_py.integrations.kubernetes.api import DEFAULT_NAMESPACE, Api
from backstage_py.integrations.kubernetes.applying import Applied, Manner
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject, NotFoundError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How long is waited."""

    timeout_seconds: float = 1800
    looks: int = LOOKS
    error_seconds: float = PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """A composite or claim, as a manifest or in parts."""

    cluster_name: str | None = None
    token: str | None = None
    manifest: str | JsonObject | None = None
    manifest_path: str | None = None
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec: JsonObject = field(default_factory=dict)
    composition: str | None = None
    composition_labels: Mapping[str, str] | None = None
    connection_secret: str | JsonObject | None = None
    force: bool = False
    wait: bool = True
    waiting: Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A composite or claim that is there."""

    api_version: str
    kind: str
    name: str
    cluster_name: str | None = None
    token: str | None = None
    namespace: str | None = None
    uid: str | None = None
    waiting: Waiting


@builtin(
    "crossplane:xr:apply",
    Apply,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True),
    extra="kubernetes",
)
async def apply(ctx: ActionContext[Apply]) -> None:
    """Check, apply and wait."""
    value = await _object(ctx)
    async with cluster.opened_if_there(ctx, ctx.input.cluster_name, ctx.input.token) as kube:
        if kube is None:
            _put_out(ctx, refs.of(value), "unchanged", None)
            return
        definition = await _definition(kube, value)
        value = _written(ctx.input, definition, value)
        checking.refuse_unless_valid(definition, value)
        ref, change = await _applied(ctx, kube, value)
        found = None
        if ctx.input.wait and not ctx.is_dry_run:
            found = await ready(ctx, kube, ref, ctx.input.waiting)
        _put_out(ctx, ref, change, found)


async def _object(ctx: ActionContext[Apply]) -> JsonObject:
    given = ctx.input
    if given.manifest is None and not given.manifest_path:
        if not (given.api_version and given.kind and given.name):
            raise InputError("Give 'manifest' or 'manifestPath', or 'apiVersion', 'kind', 'name' and 'spec'")
        value = {"apiVersion": given.api_version, "kind": given.kind, "metadata": {"name": given.name}}
        return {**value, "spec": given.spec}
    found = await manifests.read(ctx, given.manifest, given.manifest_path)
    if len(found) != 1 or "name" not in found[0]["metadata"]:
        raise InputError("The manifest of crossplane:xr:apply holds one object with a name; use kubernetes:apply else")
    return {**found[0], "spec": {**(found[0].get("spec") or {}), **given.spec}}


async def _definition(kube: Api, value: JsonObject) -> Definition:
    group, _, version = str(value["apiVersion"]).rpartition("/")
    return await definitions.find(kube, group, value["kind"], version)


def _written(given: Apply, definition: Definition, value: JsonObject) -> JsonObject:
    """Return the object with its namespace, and with Crossplane's own fields where its version has them."""
    metadata = dict(value["metadata"])
    for key, more in (("labels", given.labels), ("annotations", given.annotations)):
        if more:
            metadata[key] = {**(metadata.get(key) or {}), **more}
    if definition.namespaced:
        metadata["namespace"] = metadata.get("namespace") or given.namespace or DEFAULT_NAMESPACE
    labels = given.composition_labels
    secret = {"name": given.connection_secret} if isinstance(given.connection_secret, str) else given.connection_secret
    own: dict[str, Json] = {
        "compositionRef": {"name": given.composition} if given.composition else None,
        "compositionSelector": {"matchLabels": dict(labels)} if labels else None,
        "writeConnectionSecretToRef": secret,
    }
    return {**value, "metadata": metadata, "spec": definition.placed(value["spec"], own)}


async def _applied(ctx: ActionContext[Apply], kube: Api, value: JsonObject) -> tuple[Ref, str]:
    manner = Manner(force=ctx.input.force, dry_run=ctx.is_dry_run)
    [one] = await applying.apply(kube, [value], manner, on_applied=lambda one: _tell(ctx, one), tell=ctx.logger.warning)
    return one.ref, one.change


def _tell(ctx: ActionContext[Any], one: Applied) -> None:
    would = "would be " if ctx.is_dry_run and one.change != "unchanged" else ""
    ctx.logger.info(f"{one.name} {would}{one.change}")
    for line in one.diff.splitlines():
        ctx.logger.info(line)


def _put_out(ctx: ActionContext[Any], ref: Ref, change: str, found: JsonObject | None) -> None:
    ctx.output("object", ref.as_json())
    ctx.output("change", change)
    ctx.output("ready", found is not None)
    ctx.output("status", (found or {}).get("status") or {})


async def ready(ctx: ActionContext[Any], kube: Api, ref: Ref, waits: Waiting) -> JsonObject | None:
    """Wait for one, within what is left of the step's time; None when the task is cancelled."""
    seconds = await cluster.seconds_left(ctx, waits.timeout_seconds)
    patience = Patience(seconds, waits.looks, waits.error_seconds)
    return await cluster.unless_cancelled(ctx, composing.until_ready(kube, ref, patience, tell=ctx.logger.info))


@builtin(
    "crossplane:xr:wait",
    Wait,
    attributes=ActionAttributes(idempotent=True, read_only=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def wait(ctx: ActionContext[Wait]) -> None:
    """Wait until it is ready with all its parts."""
    given = ctx.input
    ref = Ref(given.api_version, given.kind, given.name, given.namespace, given.uid)
    async with cluster.opened(ctx, given.cluster_name, given.token) as kube:
        await _definition(kube, {"apiVersion": given.api_version, "kind": given.kind})
        if await kube.get(ref) is None:
            raise NotFoundError(f"The cluster '{kube.cluster.name}' has no {await kube.full(ref)}")
        found = await ready(ctx, kube, await kube.full(ref), given.waiting)
    if found is not None:
        ctx.output("object", refs.of(found).as_json())
        ctx.output("status", differences.public(found).get("status") or {})


ACTIONS: tuple[Action, ...] = (apply, wait)
