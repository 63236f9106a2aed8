"""The manifest of an action's input: a text, objects, or a file of the workspace."""

from typing import Any

from backstage_py.integrations.kubernetes import manifest as manifests
from backstage_py.plugin import ActionContext, InputError, JsonObject, NotFoundError

_LARGEST_FILE = 5 * 1024 * 1024


async def read(
    ctx: ActionContext[Any],
    manifest: str | JsonObject | list[JsonObject] | None,
    path: str | None,
) -> list[JsonObject]:
    """Return the objects.

    Raises:
        InputError, YamlError: there is none, or it is none. NotFoundError: there is no such file.
    """
    if manifest is None and not path:
        raise InputError("Give 'manifest' or 'manifestPath'")
    return await manifests.read(manifest if manifest is not None else file(ctx, str(path)))


def file(ctx: ActionContext[Any], name: str) -> str:
    """Return a file of the workspace."""
    path = ctx.workspace.path(name)
    if not path.is_file():
        raise NotFoundError(f"The workspace has no file '{name}'")
    if path.stat().st_size > _LARGEST_FILE:
        raise InputError(f"'{name}' is larger than {_LARGEST_FILE // (1024 * 1024)} MiB, the most that is read")
    return path.read_bytes().decode("utf-8", "replace")
