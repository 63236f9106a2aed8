"""``fetch:plain`` and ``fetch:plain:file``."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from backstage_py.plugin import ActionAttributes, ActionContext, ActionLogger, NotFoundError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.fetch import skeleton, source
from backstage_py_actions.fetch.output import Output
from backstage_py_actions.fetch.skeleton import Kind

_ATTRIBUTES = ActionAttributes(idempotent=True, destructive=False, local=True)
_FILE_MODE = 0o666
_STARTED = "Fetching plain content from remote URL"


@dataclass(frozen=True, slots=True)
class FetchPlain:
    """A folder and where its copy goes."""

    url: str
    target_path: str = "./"
    token: str | None = None


@builtin("fetch:plain", FetchPlain, dry_run=True, attributes=_ATTRIBUTES)
async def fetch_plain(ctx: ActionContext[FetchPlain]) -> None:
    """Copy a folder into the workspace, over what is there."""
    ctx.logger.info(_STARTED)
    output = Output(ctx.workspace, ctx.input.target_path)
    source.refuse_without_user_token(ctx, ctx.input.url, ctx.input.token)
    async with source.folder(ctx, ctx.input.url, ctx.input.token) as folder:
        await asyncio.to_thread(copy_folder, folder, output, ctx.logger)


def copy_folder(folder: Path, output: Output, logger: ActionLogger) -> None:
    """Copy files, folders and links that stay inside; permissions are kept."""
    output.make_folder(".", replace=True)
    if folder.is_file():
        output.copy(folder, folder.name, mode=folder.stat().st_mode, replace=True)
        return
    for entry in skeleton.entries(folder.resolve()):
        if entry.kind is Kind.FOLDER:
            output.make_folder(entry.path, replace=True)
        elif entry.kind is Kind.LINK:
            if not output.link(str(entry.source.readlink()), entry.path, replace=True):
                logger.warning(f"Leaving out the link {entry.path}: it would lead out of the workspace")
        else:
            output.copy(entry.source, entry.path, mode=entry.mode, replace=True)


@dataclass(frozen=True, slots=True)
class FetchPlainFile:
    """A file and where its copy goes."""

    url: str
    target_path: str
    token: str | None = None


@builtin("fetch:plain:file", FetchPlainFile, dry_run=True, attributes=_ATTRIBUTES)
async def fetch_plain_file(ctx: ActionContext[FetchPlainFile]) -> None:
    """Copy one file into the workspace, over what is there."""
    ctx.logger.info(_STARTED)
    path = ctx.workspace.path(ctx.input.target_path)
    source.refuse_without_user_token(ctx, ctx.input.url, ctx.input.token)
    output = Output(ctx.workspace, ".")
    relative = ctx.workspace.relative(path)
    found = source.local(ctx, ctx.input.url)
    if found is None:
        content = await source.file(ctx, ctx.input.url, ctx.input.token)
        output.write(relative, content, mode=_FILE_MODE, replace=True)
        return
    if not found.is_file():
        raise NotFoundError(f"'{ctx.input.url}' is not a file of the template's folder")
    await asyncio.to_thread(output.copy, found, relative, mode=found.stat().st_mode, replace=True)
