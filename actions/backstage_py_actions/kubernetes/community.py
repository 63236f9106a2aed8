"""``kube:apply``, ``kube:delete``, ``kube:job:wait``, ``cnoe:kubernetes:apply``: other ids for ``kubernetes:*``.

And ``cnoe:utils:sanitize``, which prepares manifests. ``cnoe:verify:dependency`` is not served: it runs a program that
comes with nothing, and ``kubernetes:get`` and ``kubernetes:wait`` say whether something is on a cluster.
"""

from dataclasses import dataclass
from typing import Any

from backstage_py.integrations.kubernetes import applying, criteria, manifest, refs, waiting
from backstage_py.integrations.kubernetes.applying import Manner
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, Json, JsonObject
from backstage_py.plugin.formats import YamlError, dump_yaml, load_yaml
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, manifests

_APPLIES = ActionAttributes(idempotent=True)
_JOB_SECONDS = 60 * 60.0


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
class KubeDelete:
    """A manifest whose objects go, and where they are."""

    manifest: str | JsonObject
    cluster_name: str | None = None
    token: str | None = None


@builtin(
    "kube:delete",
    KubeDelete,
    attributes=ActionAttributes(idempotent=True, destructive=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def kube_delete(ctx: ActionContext[KubeDelete]) -> None:
    """Delete the objects of a manifest; what is gone already is no error."""
    objects = await manifest.read(ctx.input.manifest)
    async with cluster.opened(ctx, ctx.input.cluster_name, ctx.input.token) as kube:
        for one in reversed(objects):
            ref = refs.of(one)
            was_there = await kube.delete(ref)
            ctx.logger.info(f"Successfully deleted {ref}." if was_there else f"{ref} is not there.")


@dataclass(frozen=True, slots=True)
class JobWait:
    """A job and where it is."""

    name: str
    namespace: str
    cluster_name: str | None = None
    token: str | None = None


@builtin(
    "kube:job:wait",
    JobWait,
    attributes=ActionAttributes(idempotent=True, read_only=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def job_wait(ctx: ActionContext[JobWait]) -> None:
    """Wait until a job has completed, for an hour at most; one that fails ends the step."""
    given = ctx.input
    ref = Ref("batch/v1", "Job", given.name, given.namespace)
    async with cluster.opened(ctx, given.cluster_name, given.token) as kube:
        left = await cluster.seconds_left(ctx, _JOB_SECONDS)
        waits = waiting.until(kube, ref, criteria.parse("job"), tell=ctx.logger.info, seconds=left)
        await cluster.unless_cancelled(ctx, waits)


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
            tell=ctx.logger.warning,
            is_cancelled=lambda: ctx.signal.is_set,
        )


@dataclass(frozen=True, slots=True)
class Sanitize:
    """A document of YAML."""

    document: str


@builtin(
    "cnoe:utils:sanitize",
    Sanitize,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True, read_only=True, pure=True),
    needs_workspace=False,
)
def sanitize(ctx: ActionContext[Sanitize]) -> JsonObject:
    """Leave out what is empty, as the original does: null, objects and lists without members, but no empty text."""
    try:
        value = load_yaml(ctx.input.document)
    except YamlError as error:
        raise InputError(f"The document is no YAML: {error}") from error
    return {"sanitized": dump_yaml(_without_empty(value))}


def _without_empty(value: Json) -> Json:
    if isinstance(value, dict):
        found = {key: _without_empty(one) for key, one in value.items()}
        return {key: one for key, one in found.items() if not _is_empty(one)}
    if isinstance(value, list):
        return [one for one in map(_without_empty, value) if not _is_empty(one)]
    return value


def _is_empty(value: Json) -> bool:
    return value is None or (isinstance(value, dict | list) and not value)


ACTIONS: tuple[Action, ...] = (kube_apply, kube_delete, job_wait, cnoe_apply, sanitize)
