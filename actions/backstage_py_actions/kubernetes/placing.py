"""Objects that an action makes: applied to a cluster, or written into the workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backstage_py.integrations.kubernetes import applying, refs
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.kubernetes.applying import Applied, Manner
from backstage_py.plugin import ActionContext, JsonObject
from backstage_py.plugin.formats import dump_yaml
from backstage_py_actions.kubernetes import cluster, manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the object goes: to a cluster, or into a file of the workspace when there is a ``path``."""

    name: str
    namespace: str
    cluster_name: str | None = None
    token: str | None = None
    path: str | None = None


def write(ctx: ActionContext[Any], name: str, values: Sequence[JsonObject]) -> None:
    """Write objects into a file of the workspace, for a repository that a cluster follows."""
    path = ctx.workspace.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n".join(map(dump_yaml, values)), encoding="utf-8")
    for value in values:
        ctx.logger.info(f"Wrote {refs.of(value)} to {name}")


async def put(ctx: ActionContext[Any], place: Place, value: JsonObject) -> None:
    """Apply an object, or write it into the workspace."""
    ctx.output("manifest", value)
    if place.path:
        write(ctx, place.path, [value])
        return
    async with cluster.opened_if_there(ctx, place.cluster_name, place.token) as kube:
        if kube is not None:
            await apply(ctx, kube, [value])


async def apply(
    ctx: ActionContext[Any], kube: Api, values: Sequence[JsonObject], *, force: bool = False
) -> list[Applied]:
    """Apply objects in their order, in a dry run to see what would change, and say so in the log."""
    checked = [one for value in values for one in await manifests.read(ctx, value, None)]
    return await applying.apply(
        kube,
        checked,
        Manner(force=force, dry_run=ctx.is_dry_run),
        on_applied=lambda one: tell(ctx, one),
        tell=ctx.logger.warning,
        is_cancelled=lambda: ctx.signal.is_set,
    )


def tell(ctx: ActionContext[Any], one: Applied) -> None:
    """Say what became of an object, with the difference in a dry run."""
    would = "would be " if ctx.is_dry_run and one.change != "unchanged" else ""
    ctx.logger.info(f"{one.name} {would}{one.change}")
    for line in one.diff.splitlines():
        ctx.logger.info(line)
