"""``argocd:wait``, ``argocd:sync`` and ``argocd:delete``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backstage_py.integrations.gitops import applications
from backstage_py.integrations.gitops.faults import Lasting
from backstage_py.integrations.kubernetes import criteria, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.readiness import Judge
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import (
    Action,
    ActionAttributes,
    ActionContext,
    ConflictError,
    JsonObject,
    NotAllowedError,
    NotFoundError,
)
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitops import by_api
from backstage_py_actions.gitops.instance import Which
from backstage_py_actions.kubernetes import cluster

_MOST_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What the Application should be like, and for how long to wait."""

    which: Which
    revision: str | None = None
    health: bool = True
    refresh: bool = True
    looks: int = 3
    degraded_seconds: float = 30
    timeout_seconds: float = 600


@builtin(
    "argocd:wait",
    Wait,
    attributes=ActionAttributes(idempotent=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def wait(ctx: ActionContext[Wait]) -> None:
    """Have Argo CD look again, and wait until all is deployed and well, several times in a row."""
    given = ctx.input
    judge = partial(applications.judge, revision=given.revision, health=given.health)
    lasting = Lasting(judge, given.degraded_seconds, ctx.clock.monotonic)
    seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
    if given.which.argo_instance:
        found = await by_api.wait(ctx, given.which, lasting, seconds)
    else:
        async with cluster.opened(ctx, given.which.cluster_name, given.which.token) as kube:
            if given.refresh:
                await _refresh(ctx, kube, given.which.ref)
            found = await _until(ctx, kube, given.which.ref, lasting, seconds, looks=given.looks)
    for name, value in applications.outputs(found or {}).items():
        ctx.output(name, value)


async def _refresh(ctx: ActionContext[Any], kube: Api, ref: Ref) -> None:
    """Have Argo CD look at the repository now; without rights to ask it looks by itself, every three minutes."""
    try:
        await kube.merge(ref, {"metadata": {"annotations": {applications.REFRESH: "normal"}}})
    except NotAllowedError as error:
        ctx.logger.warning(f"Argo CD was not asked to look again: {error.message}")
    except NotFoundError:
        return  # it is waited for


async def _until(
    ctx: ActionContext[Any], kube: Api, ref: Ref, judge: Judge, seconds: float, *, looks: int = 1
) -> JsonObject | None:
    waits = waiting.until(kube, ref, judge, tell=ctx.logger.info, seconds=seconds, looks=looks)
    return await cluster.unless_cancelled(ctx, waits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Which revision is deployed, and how."""

    which: Which
    revision: str | None = None
    prune: bool = False
    sync_options: Sequence[str] | None = None
    wait: bool = True
    timeout_seconds: float = 300


@builtin(
    "argocd:sync",
    Sync,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def sync(ctx: ActionContext[Sync]) -> None:
    """Ask for a sync once, behind one that runs, and wait until it is over."""
    given, ref = ctx.input, ctx.input.which.ref
    if given.which.argo_instance:
        asked = by_api.Asked(_identity(ctx), _operation(ctx), partial(_idle_or_own, _identity(ctx)))
        _put_out_revision(ctx, await by_api.sync(ctx, given.which, asked))
        return
    opened = cluster.opened_if_there(ctx, given.which.cluster_name, given.which.token)
    async with opened as kube:
        if kube is None or ctx.is_dry_run:
            there = "" if kube is None or await kube.get(ref) else ", which is not there"
            ctx.logger.info(f"{ref} would be synced{there}")
            return
        seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
        end = ctx.clock.monotonic() + seconds
        await _ask(ctx, kube, seconds)
        if not given.wait or ctx.signal.is_set:
            return
        rest = max(1.0, end - ctx.clock.monotonic())
        found = await _until(ctx, kube, ref, partial(applications.judge_sync, _identity(ctx)), rest)
    _put_out_revision(ctx, found)


def _put_out_revision(ctx: ActionContext[Sync], found: JsonObject | None) -> None:
    if found is not None:
        ctx.output("revision", ((found["status"]["operationState"].get("syncResult") or {}).get("revision")) or "")


def _operation(ctx: ActionContext[Sync]) -> JsonObject:
    given = ctx.input
    options = list(given.sync_options or [])
    return applications.operation(_identity(ctx), given.revision, prune=given.prune, options=options)


async def _ask(ctx: ActionContext[Sync], kube: Api, seconds: float) -> None:
    """Write the sync into the Application, unless an earlier run of the step did; never over that of another."""
    ref, identity, asked = ctx.input.which.ref, _identity(ctx), _operation(ctx)
    for _ in range(_MOST_TRIES):
        value = await _until(ctx, kube, ref, partial(_idle_or_own, identity), seconds)
        if value is None or applications.is_asked_by(value, identity):
            return
        version = {"resourceVersion": value["metadata"]["resourceVersion"]}
        try:
            await kube.merge(ref, {"metadata": version, "operation": asked})
        except ConflictError:
            continue  # it has changed since it was looked at
        ctx.logger.info(f"{ref}: asked for a sync")
        return
    raise ConflictError(f"{ref} changes too often to ask for a sync; try again")


def _idle_or_own(identity: str, value: JsonObject | None) -> Any:
    if value is not None and applications.is_asked_by(value, identity):
        return criteria.parse("create")(value)
    return applications.judge_idle(value)


def _identity(ctx: ActionContext[Any]) -> str:
    return f"{ctx.task_id}/{ctx.step.id}/{ctx.each}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """What goes: the Application alone, or with ``cascade`` what it deployed, too."""

    which: Which
    cascade: bool = True
    wait: bool = True
    timeout_seconds: float = 300


@builtin(
    "argocd:delete",
    Delete,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True, destructive=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def delete(ctx: ActionContext[Delete]) -> None:
    """Have the Application go, and wait until Argo CD has taken away what is to go with it."""
    given = ctx.input
    if given.which.argo_instance:
        gone_from = await by_api.delete(ctx, given.which)
        if gone_from:
            _tell_deleted(ctx, gone_from)
        return
    async with cluster.opened_if_there(ctx, given.which.cluster_name, given.which.token) as kube:
        gone = None if kube is None else await _delete(ctx, kube)
        ctx.output("deleted", gone is not None)
        if kube is None or gone is None or ctx.is_dry_run or not given.wait:
            return
        seconds = await cluster.seconds_left(ctx, given.timeout_seconds)
        await _until(ctx, kube, gone, criteria.parse("delete"), seconds)


def _tell_deleted(ctx: ActionContext[Delete], name: str) -> None:
    what = " and what it deployed" if ctx.input.cascade else ", what it deployed stays"
    ctx.logger.info(f"{name} {'would be deleted' if ctx.is_dry_run else 'deleted'}{what}")


async def _delete(ctx: ActionContext[Delete], kube: Api) -> Ref | None:
    """Delete it as it was found; one that was made anew meanwhile stays."""
    there = await kube.get(ctx.input.which.ref)
    if there is None:
        ctx.logger.info(f"{ctx.input.which.ref} is not there")
        return None
    ref = replace(ctx.input.which.ref, uid=there["metadata"]["uid"])
    if not ctx.is_dry_run and not there["metadata"].get("deletionTimestamp"):
        await _set_cascade(kube, there, ref, cascade=ctx.input.cascade)
    await kube.delete(ref, dry_run=ctx.is_dry_run)
    _tell_deleted(ctx, str(ref))
    return ref


async def _set_cascade(kube: Api, there: JsonObject, ref: Ref, *, cascade: bool) -> None:
    held = there["metadata"].get("finalizers") or []
    rest = [one for one in held if not one.startswith(applications.FINALIZER)]
    wanted = [*rest, applications.FINALIZER] if cascade else rest
    if sorted(wanted) != sorted(held):
        version = there["metadata"]["resourceVersion"]
        await kube.merge(ref, {"metadata": {"finalizers": wanted, "resourceVersion": version}})


ACTIONS: tuple[Action, ...] = (wait, sync, delete)
