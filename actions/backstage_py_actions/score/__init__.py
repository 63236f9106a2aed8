"""``score:generate``."""

import asyncio
import posixpath
from dataclasses import dataclass
from pathlib import Path

from backstage_py.integrations.score import manifests, workload
from backstage_py.plugin import Action, ActionAttributes, ActionContext, InputError, JsonObject, NotFoundError
from backstage_py.plugin.formats import dump_yaml
from backstage_py_actions._builtin import builtin

_LARGEST_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """A workload, and where its manifests go."""

    path: str = "score.yaml"
    output: str = "manifests.yaml"
    namespace: str | None = None
    image: str | None = None


@builtin(
    "score:generate",
    Generate,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True, local=True),
)
async def generate(ctx: ActionContext[Generate]) -> JsonObject:
    """Write the manifests of a Score workload into the workspace; nothing outside of it is asked or changed."""
    return await asyncio.to_thread(_generate, ctx)


def _generate(ctx: ActionContext[Generate]) -> JsonObject:
    given = ctx.input
    read = workload.read(_content(ctx, given.path).decode("utf-8", "replace"), given.path)
    folder = posixpath.dirname(given.path)

    def read_file(name: str) -> bytes:
        return _content(ctx, posixpath.join(folder, name))

    made = manifests.generate(read, ctx.services.config or {}, read_file, namespace=given.namespace, image=given.image)
    target = ctx.workspace.path(given.output)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("---\n".join(dump_yaml(one) for one in made.objects), encoding="utf-8")
    for one in made.objects:
        ctx.logger.info(f"{one['kind']} {one['metadata']['name']} written to {given.output}")
    for resource in made.resources:
        if not resource.objects:
            ctx.logger.info(f"Resource {resource.key} ({resource.type}) is to be requested as {resource.name}")
    return {
        "manifestPath": given.output,
        "objects": [_named(one) for one in made.objects],
        "resources": [one.as_json() for one in made.resources],
    }


def _named(value: JsonObject) -> JsonObject:
    metadata = value["metadata"]
    named = {"apiVersion": value["apiVersion"], "kind": value["kind"], "name": metadata["name"]}
    return named | ({"namespace": metadata["namespace"]} if "namespace" in metadata else {})


def _content(ctx: ActionContext[Generate], name: str) -> bytes:
    path: Path = ctx.workspace.path(name)
    if not path.is_file():
        raise NotFoundError(f"The workspace has no file '{name}'")
    if path.stat().st_size > _LARGEST_FILE:
        raise InputError(f"'{name}' is larger than {_LARGEST_FILE // (1024 * 1024)} MiB, the most that is read")
    return path.read_bytes()


ACTIONS: tuple[Action, ...] = (generate,)
