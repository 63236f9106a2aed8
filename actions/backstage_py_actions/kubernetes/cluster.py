"""A cluster as the template of a step may use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backstage_py.integrations.kubernetes import api, clusters
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.clusters import Cluster
from backstage_py.integrations.kubernetes.rules import Caller
from backstage_py.plugin import ActionContext


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
    owners = await _owners(ctx, template.entity_ref) if needs_owners else ()
    return Caller(owners, template.base_url)


async def _owners(ctx: ActionContext[Any], template_ref: str) -> tuple[str, ...]:
    if ctx.services.catalog is None:
        return ()
    entities = await ctx.services.catalog.entities_by_refs([template_ref], token=None)
    relations = [one for entity in entities if entity for one in entity.get("relations") or []]
    return tuple(str(one["targetRef"]) for one in relations if one.get("type") == "ownedBy")
