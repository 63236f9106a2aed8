"""``kube:apply`` and ``cnoe:kubernetes:apply``."""

from dataclasses import dataclass
from typing import Any

from backstage_py.integrations.kubernetes import applying, manifest
from backstage_py.integrations.kubernetes.applying import Manner
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, manifests

_APPLIES = ActionAttributes(idempotent=True)


@dataclass(frozen=True, slots=True)
class KubeApply:
    """A manifest and where it goes."""

    manifest: str | JsonObject
    cluster_name: str | None = None
    token: str | None = None


@builtin("kube:apply", KubeApply, attributes=_APPLIES, needs_workspace=False, extra="kubernetes")
async def kube_apply(ctx: ActionContext[KubeApply]) -> None:
    """Apply a manifest; fields that others own are taken over, as the original's patch does."""
    await _apply(ctx, ctx.input.manifest, ctx.input.cluster_name, ctx.input.token)


@dataclass(frozen=True, slots=True)
class CnoeApply:
    """One of three manifests, and where it goes; ``manifest`` is what ``manifest_string`` was called first."""

    manifest_string: str | None = None
    manifest_object: JsonObject | None = None
    manifest_path: str | None = None
    manifest: str | None = None
    cluster_name: str | None = None


@builtin("cnoe:kubernetes:apply", CnoeApply, attributes=_APPLIES, extra="kubernetes")
async def cnoe_apply(ctx: ActionContext[CnoeApply]) -> None:
    """Apply the text, else the object, else the file."""
    given = ctx.input
    content = given.manifest_string or given.manifest or given.manifest_object
    if not content and not given.manifest_path:
        raise InputError("Give one of manifestString, manifestObject and manifestPath")
    await _apply(ctx, content or manifests.file(ctx, str(given.manifest_path)), given.cluster_name, None)


async def _apply(
    ctx: ActionContext[Any],
    content: str | JsonObject,
    cluster_name: str | None,
    token: str | None,
) -> None:
    objects = await manifest.read(content)
    if not objects:
        ctx.logger.warning("The manifest is empty; nothing was applied")
        return
    manner = Manner(force=True, identity=f"{ctx.task_id}/{ctx.step.id}/{ctx.each}")
    async with cluster.opened(ctx, cluster_name, token) as kube:
        await applying.apply(
            kube,
            objects,
            manner,
            on_applied=lambda applied: ctx.logger.info(f"Successfully created/updated {applied.name}."),
            is_cancelled=lambda: ctx.signal.is_set,
        )


ACTIONS: tuple[Action, ...] = (kube_apply, cnoe_apply)
