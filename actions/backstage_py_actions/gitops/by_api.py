"""``argocd:wait``, ``argocd:sync`` and ``argocd:delete`` by the API of an Argo CD."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backstage_py.integrations.gitops import applications
from backstage_py.integrations.kubernetes.readiness import Judge, Verdict, done, pending
from backstage_py.plugin import ActionContext, ConflictError, InputError, JsonObject
from backstage_py_actions.gitops import instance
from backstage_py_actions.gitops.instance import ByApi, Which
from backstage_py_actions.kubernetes import cluster

_MOST_TRIES = 5
_BUSY = "already in progress"


@dataclass(frozen=True, slots=True)
class Asked:
    """A sync: the step that asks, the operation, and when it may begin."""

    identity: str
    operation: JsonObject
    idle: Judge


async def wait(ctx: ActionContext[Any], which: Which, judge: Judge, seconds: float) -> JsonObject | None:
    """Have Argo CD look again, and wait for a verdict."""
    async with instance.opened(ctx, which) as there:
        if ctx.input.refresh:
            await there.look(refresh=True)
        return await there.until(ctx, judge, seconds, looks=ctx.input.looks)


async def sync(ctx: ActionContext[Any], which: Which, asked: Asked) -> JsonObject | None:
    """Ask for a sync once, and return the Application behind it; None when nobody waits for that."""
    async with instance.opened(ctx, which) as there:
        if ctx.is_dry_run:
            ctx.logger.info(f"{there} would be synced{'' if await there.look() else ', which is not there'}")
            return None
        seconds = await cluster.seconds_left(ctx, ctx.input.timeout_seconds)
        end = ctx.clock.monotonic() + seconds
        await _ask(ctx, there, asked, seconds)
        if not ctx.input.wait or ctx.signal.is_set:
            return None
        rest = max(1.0, end - ctx.clock.monotonic())
        return await there.until(ctx, partial(applications.judge_sync, asked.identity), rest)


async def _ask(ctx: ActionContext[Any], there: ByApi, asked: Asked, seconds: float) -> None:
    """Ask for a sync, unless an earlier run of the step did, behind one that runs."""
    for _ in range(_MOST_TRIES):
        value = await there.until(ctx, asked.idle, seconds)
        if value is None or applications.is_asked_by(value, asked.identity):
            return
        try:
            await there.caller.sync(there.name, there.namespace, asked.operation)
        except (InputError, ConflictError) as error:
            if _BUSY not in error.message:
                raise
            continue  # somebody was faster
        ctx.logger.info(f"{there}: asked for a sync")
        return
    raise ConflictError(f"{there} is synced too often by others to ask for a sync; try again")


async def delete(ctx: ActionContext[Any], which: Which) -> str:
    """Have the Application go and wait until it has; return its name, empty where it is not there."""
    async with instance.opened(ctx, which) as named:
        found = await named.look()
        ctx.output("deleted", found is not None)
        if found is None:
            ctx.logger.info(f"{named} is not there")
            return ""
        there = replace(named, project=str(found["spec"].get("project") or "default"))  # with it, one is seen to go
        if not ctx.is_dry_run:
            await there.caller.delete(there.name, there.namespace, str(there.project), cascade=ctx.input.cascade)
        if ctx.input.wait and not ctx.is_dry_run:
            seconds = await cluster.seconds_left(ctx, ctx.input.timeout_seconds)
            await there.until(ctx, partial(_gone, found["metadata"].get("uid")), seconds)
        return str(there)


def _gone(uid: str | None, value: JsonObject | None) -> Verdict:
    if value is None or value["metadata"].get("uid") != uid:
        return done("gone")
    return pending("being deleted" if value["metadata"].get("deletionTimestamp") else "not deleted yet")
