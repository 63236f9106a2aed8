"""``kubernetes:delete``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backstage_py.integrations.kubernetes import applied_set, criteria, refs, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.applied_set import AppliedSet
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, manifests, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """What goes: a manifest, an object, those of an earlier step, or an applied set."""

    cluster_name: str | None = None
    token: str | None = None
    manifest: str | JsonObject | list[JsonObject] | None = None
    manifest_path: str | None = None
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    objects: Sequence[JsonObject] | None = None
    applied_set: str | None = None
    propagation: str = "Background"
    wait: bool = True
    timeout_seconds: float = 300


@builtin(
    "kubernetes:delete",
    Delete,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True, destructive=True),
    extra="kubernetes",
)
async def delete(ctx: ActionContext[Delete]) -> None:
    """Have objects go, the last applied first, and wait until they are gone."""
    given = ctx.input
    named = [] if given.applied_set else await _named(ctx)
    async with cluster.opened_if_there(ctx, given.cluster_name, given.token) as kube:
        if kube is None:
            ctx.output("deleted", [one.as_json() for one in named])
            return
        gone = await _delete_set(ctx, kube) if given.applied_set else await _delete(ctx, kube, named)
        ctx.output("deleted", [one.as_json() for one in gone])
        if given.wait and not ctx.is_dry_run:
            await wait_until_gone(ctx, kube, gone, given.timeout_seconds)


async def _named(ctx: ActionContext[Delete]) -> list[Ref]:
    given = ctx.input
    if given.manifest is None and not given.manifest_path:
        return targets.read(given.objects, given.api_version, given.kind, given.name, given.namespace)
    objects = await manifests.read(ctx, given.manifest, given.manifest_path)
    if nameless := next((one for one in objects if "name" not in one["metadata"]), None):
        raise InputError(f"{refs.of(nameless)} has no name by which it could be deleted")
    return [refs.of(one, given.namespace) for one in reversed(objects)]


async def _delete(ctx: ActionContext[Delete], kube: Api, named: Sequence[Ref]) -> list[Ref]:
    gone: list[Ref] = []
    for one in named:
        if ctx.signal.is_set:
            break
        ref = await kube.full(one)
        there = await kube.get(ref)
        if there is None:
            ctx.logger.info(f"{ref} is not there")
            continue
        known = replace(ref, uid=there["metadata"]["uid"])
        if await kube.delete(known, propagation=ctx.input.propagation, dry_run=ctx.is_dry_run):
            _tell(ctx, ref)
            gone.append(known)
    return gone


async def _delete_set(ctx: ActionContext[Delete], kube: Api) -> list[Ref]:
    held = AppliedSet(str(ctx.input.applied_set), ctx.input.namespace or "default")
    gone = await applied_set.delete(kube, held, dry_run=ctx.is_dry_run)
    for one in gone:
        _tell(ctx, one)
    return gone


def _tell(ctx: ActionContext[Delete], one: Ref) -> None:
    ctx.logger.info(f"{one} {'would be deleted' if ctx.is_dry_run else 'deleted'}")


async def wait_until_gone(ctx: ActionContext[Delete], kube: Api, gone: Sequence[Ref], seconds: float) -> None:
    """Wait until each is gone, within one time for all; a later object of the same name is another."""
    end = ctx.clock.monotonic() + await cluster.seconds_left(ctx, seconds)
    for one in gone:
        rest = max(1.0, end - ctx.clock.monotonic())
        waits = waiting.until(kube, one, criteria.parse("delete"), tell=ctx.logger.info, seconds=rest)
        await cluster.unless_cancelled(ctx, waits)
        if ctx.signal.is_set:
            return


ACTIONS: tuple[Action, ...] = (delete,)
