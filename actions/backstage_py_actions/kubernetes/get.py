"""``kubernetes:get``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.integrations.kubernetes import differences, jsonpath
from backstage_py.integrations.kubernetes.refs import Ref
from backstage_py.plugin import Action, ActionAttributes, ActionContext, Json, JsonObject, NotFoundError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.kubernetes import cluster, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Get:
    """One object by name, or all of a kind that a selector chooses; ``values`` are JSONPaths by name."""

    kind: str
    cluster_name: str | None = None
    token: str | None = None
    api_version: str | None = None
    name: str | None = None
    namespace: str | None = None
    label_selector: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    required: bool = True


@builtin(
    "kubernetes:get",
    Get,
    attributes=ActionAttributes(idempotent=True, read_only=True),
    needs_workspace=False,
    extra="kubernetes",
)
async def get(ctx: ActionContext[Get]) -> None:
    """Put out what is there; the values of Secrets stay in the cluster."""
    given = ctx.input
    version = targets.version(given.api_version, given.kind)
    paths = {name: jsonpath.parse(text) for name, text in given.values.items()}
    async with cluster.opened(ctx, given.cluster_name, given.token) as kube:
        if given.name:
            ref = Ref(version, given.kind, given.name, given.namespace)
            one = await kube.get(ref)
            if one is None and given.required:
                raise NotFoundError(f"The cluster '{kube.cluster.name}' has no {await kube.full(ref)}")
            found = [one] if one is not None else []
        else:
            found = await kube.list(version, given.kind, given.namespace, labels=given.label_selector)
    shown = [differences.public(one) for one in found]
    ctx.logger.info(f"Found {len(shown)} of {given.kind}")
    ctx.output("exists", bool(shown))
    ctx.output("object", shown[0] if shown else {})
    ctx.output("objects", [dict(one) for one in shown])
    ctx.output("values", {name: _value(path, shown) for name, path in paths.items()})


def _value(path: jsonpath.Path, shown: list[JsonObject]) -> Json:
    """Return what a path finds: of one object a value alone as it is."""
    values = [value for one in shown for value in path.values(one)]
    return values[0] if len(values) == 1 else (values or None)


ACTIONS: tuple[Action, ...] = (get,)
