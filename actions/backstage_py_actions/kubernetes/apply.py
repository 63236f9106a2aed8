"""``kubernetes:apply``."""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py.integrations.kubernetes import applied_set, applying, refs, silence, waiting
from backstage_py.integrations.kubernetes.api import DEFAULT_NAMESPACE, Api
from backstage_py.integrations.kubernetes.applied_set import AppliedSet
from backstage_py.integrations.kubernetes.applying import Manner
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, manifests, placing


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """A manifest, where it goes, and what is waited for."""

    manifest: str | JsonObject | list[JsonObject] | None = None
    manifest_path: str | None = None
    cluster_name: str | None = None
    token: str | None = None
    namespace: str | None = None
    force: bool = False
    wait: bool = False
    timeout_seconds: float = 300
    applied_set: str | None = None
    prune: bool = False


@builtin(
    "kubernetes:apply",
    Apply,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True),
    extra="kubernetes",
)
async def apply(ctx: ActionContext[Apply]) -> None:
    """Apply the objects once, wait until they are ready, and prune what the set held before."""
    given = ctx.input
    if given.prune and not given.applied_set:
        raise InputError("'prune' needs 'appliedSet', the name by which the next run knows what this one applied")
    objects = await manifests.read(ctx, given.manifest, given.manifest_path)
    if not objects:
        ctx.logger.warning("The manifest is empty; nothing was applied")
    async with cluster.opened_if_there(ctx, given.cluster_name, given.token) as kube:
        if kube is None:
            ctx.output("objects", [refs.of(one).as_json() for one in objects])
            ctx.output("pruned", [])
            return
        done = await _apply(ctx, kube, objects) if ctx.is_dry_run else await _apply_once(ctx, kube, objects)
        ctx.output("objects", done["objects"])
        ctx.output("pruned", done["pruned"])
        if given.wait and not ctx.is_dry_run:
            await wait_for(ctx, kube, [refs.from_json(one) for one in done["objects"]], given.timeout_seconds)


async def _apply_once(ctx: ActionContext[Apply], kube: Api, objects: list[JsonObject]) -> JsonObject:
    """Apply, unless an earlier run of the step did and what it applied is still there."""
    is_new = False

    async def run() -> Json:
        nonlocal is_new
        is_new = True
        return await _apply(ctx, kube, objects)

    done = dict(await ctx.checkpoint("applied", run))
    if is_new or await _are_there(kube, done["objects"]):
        return done
    ctx.logger.warning("Some of what was applied is gone; it is applied again")
    return await _apply(ctx, kube, objects)


async def _are_there(kube: Api, listed: Sequence[JsonObject]) -> bool:
    return all([await kube.get(refs.from_json(one)) is not None for one in listed])


async def _apply(ctx: ActionContext[Apply], kube: Api, objects: list[JsonObject]) -> JsonObject:
    given, namespace = ctx.input, ctx.input.namespace or DEFAULT_NAMESPACE
    held = AppliedSet(given.applied_set, namespace) if given.applied_set else None
    manner = Manner(force=given.force, dry_run=ctx.is_dry_run, identity=_identity(ctx), namespace=namespace)
    before = await applied_set.read(kube, held) if held else applied_set.Contents()
    if held:
        objects = [held.member(one) for one in objects]
        wanted = [await kube.full(refs.of(one, namespace)) for one in objects if not _brings_kinds(objects)]
        await applied_set.write(kube, held, before.joined(applied_set.contents(wanted)), dry_run=ctx.is_dry_run)
    done = await applying.apply(
        kube,
        objects,
        manner,
        on_applied=lambda one: placing.tell(ctx, one),
        tell=ctx.logger.warning,
        is_cancelled=lambda: ctx.signal.is_set,
    )
    pruned: Sequence[Ref] = ()
    if held and not ctx.signal.is_set:
        kept = [one.ref for one in done]
        if given.prune:
            pruned = await applied_set.prune(kube, held, before, kept, dry_run=ctx.is_dry_run)
            before = applied_set.Contents()
        for one in pruned:
            ctx.logger.info(f"{one} {'would be pruned' if ctx.is_dry_run else 'pruned'}")
        await applied_set.write(kube, held, before.joined(applied_set.contents(kept)), dry_run=ctx.is_dry_run)
    listed = [one.ref.as_json() | {"change": one.change} for one in done]
    return {"objects": listed, "pruned": [one.as_json() for one in pruned]}


def _identity(ctx: ActionContext[Apply]) -> str:
    return f"{ctx.task_id}/{ctx.step.id}/{ctx.each}"


def _brings_kinds(objects: list[JsonObject]) -> bool:
    """Whether kinds have to be applied before they can be looked up; their members are noted afterwards."""
    return any(one["kind"] == "CustomResourceDefinition" for one in objects)


async def wait_for(ctx: ActionContext[Apply], kube: Api, listed: Sequence[Ref], seconds: float) -> None:
    """Wait until each is ready, within one time for all."""
    left = await cluster.seconds_left(ctx, seconds)
    end = ctx.clock.monotonic() + left
    for one in listed:
        rest = max(1.0, end - ctx.clock.monotonic())
        judge = await silence.judge(kube, one)
        waits = waiting.until(kube, one, judge, tell=ctx.logger.info, seconds=rest)
        await cluster.unless_cancelled(ctx, waits)
        if ctx.signal.is_set:
            return


ACTIONS: tuple[Action, ...] = (apply,)
