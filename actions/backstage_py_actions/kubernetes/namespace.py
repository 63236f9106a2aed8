"""``kubernetes:create-namespace``."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.integrations.kubernetes import clusters, differences, readiness, waiting
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject, NotFoundError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster

_API_SERVER = "kubernetes.io/api-server"
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNamespace:
    """A namespace and where it is made; ``labels`` also as ``a=b;c=d``."""

    namespace: str
    cluster_name: str | None = None
    cluster_ref: str | None = None
    url: str | None = None
    token: str | None = None
    labels: str | Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None


@builtin(
    "kubernetes:create-namespace",
    CreateNamespace,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True),
    ignored=frozenset({"skipTLSVerify", "caData"}),
    needs_workspace=False,
    extra="kubernetes",
)
async def create_namespace(ctx: ActionContext[CreateNamespace]) -> None:
    """Make a namespace, or add the labels and annotations to one that is there."""
    given = ctx.input
    metadata = {"labels": _labels(given.labels), "annotations": dict(given.annotations or {})}
    async with cluster.opened_if_there(ctx, await _cluster_name(ctx), given.token) as kube:
        if kube is not None:
            ref = Ref("v1", "Namespace", given.namespace)
            await _make(ctx, kube, ref, {key: value for key, value in metadata.items() if value})
            if not ctx.is_dry_run:
                waits = waiting.until(kube, ref, readiness.ready, tell=ctx.logger.info, seconds=_SECONDS)
                await cluster.unless_cancelled(ctx, waits)
    ctx.output("namespace", given.namespace)


async def _make(ctx: ActionContext[CreateNamespace], kube: Api, ref: Ref, metadata: JsonObject) -> None:
    before = await kube.get(ref)
    if before is None:
        value = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.name, **metadata}}
        after, change = await kube.create(value, dry_run=ctx.is_dry_run), "created"
    else:  # merged, not applied: that would take away the labels that an earlier task gave it
        after = await kube.merge(ref, {"metadata": metadata}, dry_run=ctx.is_dry_run)
        change = "configured" if differences.between("", before, after) else "unchanged"
    ctx.logger.info(f"{ref} {'would be ' if ctx.is_dry_run and change != 'unchanged' else ''}{change}")
    if ctx.is_dry_run:
        for line in differences.between(str(ref), before, after).splitlines():
            ctx.logger.info(line)


def _labels(given: str | Mapping[str, str] | None) -> dict[str, str]:
    """Read labels; a part of the text without ``=`` is an error, where the original goes on without it."""
    if given is None or not isinstance(given, str):
        return dict(given or {})
    parts = [one.partition("=") for one in given.split(";") if one.strip()]
    if any(not sign or not key.strip() for key, sign, _ in parts):
        raise InputError(f"'{given}' is no list of labels; write them as a=b;c=d")
    return {key.strip(): value.strip() for key, _, value in parts}


async def _cluster_name(ctx: ActionContext[CreateNamespace]) -> str | None:
    """Return the configured cluster that ``clusterName``, ``clusterRef`` or ``url`` means; no other is called."""
    given = ctx.input
    url = given.url or (await _url_of(ctx, given.cluster_ref) if given.cluster_ref else None)
    if given.cluster_name or not url:
        return given.cluster_name
    return clusters.name_of_url(ctx.services.config or {}, url)


async def _url_of(ctx: ActionContext[CreateNamespace], ref: str) -> str:
    complete = ref if ref.startswith("resource:") else f"resource:{ref}"
    [entity] = await ctx.catalog.entities_by_refs([complete], token=ctx.token)
    url = ((entity or {}).get("metadata") or {}).get("annotations", {}).get(_API_SERVER)
    if not url:
        raise NotFoundError(f"The catalog has no '{complete}' with the annotation '{_API_SERVER}'")
    return str(url)


ACTIONS: tuple[Action, ...] = (create_namespace,)
