"""A cluster as the template of a step may use it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from backstage_py.integrations import origins
from backstage_py.integrations.kubernetes import api, clusters
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.clusters import Cluster
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.plugin import ActionContext, InputError

T = TypeVar("T")
LONGEST_WAIT = 24 * 60 * 60.0


@asynccontextmanager
async def opened(ctx: ActionContext[Any], name: str | None, token: str | None = None) -> AsyncIterator[Api]:
    """Open a cluster of the configuration; with a ``token``, as whom that is.

    Raises:
        InputError, NotFoundError, SettingsError: there is no such cluster.
    """
    cluster = clusters.find(ctx.services.config or {}, name, token=token)
    async with api.connect(cluster, await caller(ctx, cluster, has_own_token=token is not None)) as kube:
        yield kube


async def caller(ctx: ActionContext[Any], cluster: Cluster, *, has_own_token: bool) -> Caller:
    """Return on whose behalf the step acts: who owns its template, as the catalog knows now, and where that is from."""
    template = ctx.template_info
    if template is None or has_own_token:
        return Caller(has_own_token=has_own_token)
    needs_owners = any(rule.owners is not None for rule in cluster.rules or ())
    owners = await origins.owners(ctx.services.catalog, template.entity_ref) if needs_owners else ()
    return Caller(owners, template.base_url)


@asynccontextmanager
async def opened_if_there(
    ctx: ActionContext[Any], name: str | None, token: str | None = None
) -> AsyncIterator[Api | None]:
    """Open a cluster; in a dry run None where there is none, as on an author's machine."""
    if ctx.is_dry_run and not (ctx.services.config or {}).get("kubernetes"):
        ctx.logger.warning("No Kubernetes cluster is configured; the dry run asks none")
        yield None
        return
    async with opened(ctx, name, token) as kube:
        yield kube


async def unless_cancelled(ctx: ActionContext[Any], work: Coroutine[Any, Any, T]) -> T | None:
    """Await something, or break it off when the task is cancelled and return None."""
    doing = asyncio.ensure_future(work)
    told = asyncio.ensure_future(ctx.signal.wait())
    try:
        await asyncio.wait([doing, told], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return None
        return doing.result()
    finally:
        told.cancel()
        doing.cancel()
        await asyncio.wait([doing, told])


async def seconds_left(ctx: ActionContext[Any], most: float) -> float:
    """Return how long a step may still wait: a run that goes on after a crash has what the first one left.

    A run after the time was over, as when somebody tries the task again, has all of it.
    """
    if not 0 < most <= LONGEST_WAIT:
        raise InputError(f"'timeoutSeconds' should be above 0 and at most {LONGEST_WAIT:g}")
    now = ctx.clock.now()
    began = datetime.fromisoformat(str(await ctx.checkpoint("waits since", now.isoformat)))
    passed = (now - began).total_seconds()
    return most - passed if 0 <= passed < most else most
