"""Where a fetch reads from: the folder of a template on this machine, or a URL."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from backstage_py.integrations import local_files
from backstage_py.integrations.hosts import scm_url
from backstage_py.plugin import ActionContext, BackstageError, InputError, NotAllowedError, NotFoundError, Workspace

_FILE_SCHEME = "file://"
_WITH_USER_TOKENS = frozenset({"github", "gitlab"})


def local(ctx: ActionContext[Any], url: str) -> Path | None:
    """Return the file or folder on this machine that a relative URL names; None for anything that is read by URL.

    Only a template that was itself read from a file may do so, below its own folder, or below the folder of
    ``backend.reading.fileRoots`` around it.

    Raises:
        NotAllowedError: the path leads out of that. NotFoundError: nothing is there.
    """
    base = _base_url(ctx)
    if scm_url.is_absolute(url) or not base or not base.startswith(_FILE_SCHEME):
        return None
    folder = Path(base.removeprefix(_FILE_SCHEME)).parent.resolve()
    root = local_files.boundary(folder, _file_roots(ctx))
    try:
        found = Workspace(root).path(folder, url)
    except NotAllowedError as error:
        raise NotAllowedError(f"The URL '{url}' leads out of {_named(root, folder)}") from error
    if not found.exists():
        raise NotFoundError(f"The template's folder has no '{url}'")
    return found


def remote(ctx: ActionContext[Any], url: str) -> str:
    """Return the absolute URL to read.

    Raises:
        InputError: a relative URL and no known template; or no integration for the template's host.
    """
    if scm_url.is_absolute(url):
        return url
    base = _base_url(ctx)
    if not base:
        raise InputError(
            f"Failed to fetch, template location could not be determined and the fetch URL is relative, {url}"
        )
    if not ctx.integrations.by_url(base):
        raise InputError(f"No integration found for location {base}")
    return ctx.url_reader.resolve(url, base)


def refuse_without_user_token(ctx: ActionContext[Any], url: str, token: str | None) -> None:
    """Hold to ``scaffolder.requireScmUserCredentials``: hosts that know users are read with a user's token only.

    The host is that of the address which is read, be ``url`` relative or not. Where there is none, reading says why.

    Raises:
        InputError: no token was passed although the configuration wants one.
    """
    config = ctx.services.config or {}
    if token or not (config.get("scaffolder") or {}).get("requireScmUserCredentials"):
        return
    try:
        integration = ctx.integrations.by_url(remote(ctx, url))
    except BackstageError:
        return
    if integration and integration.type in _WITH_USER_TOKENS:
        raise InputError(
            f"No user credentials provided for host {integration.host}, "
            "but scaffolder.requireScmUserCredentials is enabled"
        )


@asynccontextmanager
async def folder(ctx: ActionContext[Any], url: str, token: str | None) -> AsyncIterator[Path]:
    """Give a folder with the content of a tree URL; what was downloaded is removed afterwards."""
    async with named_folder(ctx, url, token) as (found, _):
        yield found


@asynccontextmanager
async def named_folder(ctx: ActionContext[Any], url: str, token: str | None) -> AsyncIterator[tuple[Path, str]]:
    """Do as ``folder``, and give what messages call it: see ``shown``."""
    if found := local(ctx, url):
        yield found, _normal(url)
        return
    address = remote(ctx, url)
    temporary = ctx.temporary_directory()
    try:
        target = temporary / "template"
        target.mkdir()
        await ctx.url_reader.read_tree(address, target, token=token)
        yield target, ""
    finally:
        await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)


async def file(ctx: ActionContext[Any], url: str, token: str | None) -> bytes:
    """Return the content of a file URL."""
    if found := local(ctx, url):
        return found.read_bytes()
    read = await ctx.url_reader.read(remote(ctx, url), token=token)
    if read is None:
        raise NotFoundError(f"Nothing was read from {url}")
    return read.content


def _base_url(ctx: ActionContext[Any]) -> str | None:
    return ctx.template_info.base_url if ctx.template_info else None


def shown(ctx: ActionContext[Any], url: str) -> str:
    """Return how messages name what a URL leads to: a folder as seen from the template's, empty for what is remote."""
    return "" if local(ctx, url) is None else _normal(url)


def _normal(url: str) -> str:
    return os.path.normpath(url).replace(os.sep, "/")


def _file_roots(ctx: ActionContext[Any]) -> list[str]:
    reading = ((ctx.services.config or {}).get("backend") or {}).get("reading") or {}
    roots = reading.get("fileRoots") or []
    return [roots] if isinstance(roots, str) else roots


def _named(root: Path, folder: Path) -> str:
    if root == folder:
        return "the template's folder, and nothing above that may be read"
    return f"the folder '{root.name}', the root of what templates in it may read"
