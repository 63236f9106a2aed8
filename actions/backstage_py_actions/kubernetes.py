"""``kube:apply`` and ``cnoe:kubernetes:apply``."""

from dataclasses import dataclass

from backstage_py.integrations import kubernetes, kubernetes_clusters
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject, NotFoundError
from backstage_py_actions._builtin import builtin

_APPLIES = ActionAttributes(idempotent=True)
_LARGEST_FILE = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KubeApply:
    """A manifest and where it goes."""

    manifest: str
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
    manifest = given.manifest_string or given.manifest or given.manifest_object or _read(ctx)
    await _apply(ctx, manifest, given.cluster_name, None)


def _read(ctx: ActionContext[CnoeApply]) -> str:
    name = ctx.input.manifest_path
    if not name:
        raise InputError("Give one of manifestString, manifestObject and manifestPath")
    path = ctx.workspace.path(name)
    if not path.is_file():
        raise NotFoundError(f"The workspace has no file '{name}'")
    if path.stat().st_size > _LARGEST_FILE:
        raise InputError(f"'{name}' is larger than {_LARGEST_FILE // (1024 * 1024)} MiB, the most that is read")
    return path.read_bytes().decode("utf-8", "replace")


async def _apply(
    ctx: ActionContext[KubeApply] | ActionContext[CnoeApply],
    manifest: str | JsonObject,
    cluster_name: str | None,
    token: str | None,
) -> None:
    objects = await kubernetes.read(manifest)
    if not objects:
        ctx.logger.warning("The manifest is empty; nothing was applied")
        return
    cluster = kubernetes_clusters.find(ctx.services.config or {}, cluster_name, token=token)
    await kubernetes.apply(
        cluster,
        objects,
        force=True,
        on_applied=lambda applied: ctx.logger.info(f"Successfully created/updated {applied.name}."),
        is_cancelled=lambda: ctx.signal.is_set,
    )


ACTIONS: tuple[Action, ...] = (kube_apply, cnoe_apply)
