"""``fetch:template``, ``fetch:template:file``, ``workspace:template`` and ``workspace:template:file``."""

import asyncio
from dataclasses import dataclass
from typing import Any

from backstage_py.plugin import ActionAttributes, ActionContext, InputError, NotFoundError, short_work
from backstage_py_actions._builtin import builtin
from backstage_py_actions.fetch import rendering, source
from backstage_py_actions.fetch.output import Output
from backstage_py_actions.fetch.rendering import Rendering

_ATTRIBUTES = ActionAttributes(idempotent=True, destructive=False, local=True)
_FILE_MODE = 0o666


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTemplate:
    """A skeleton and where its result goes."""

    url: str
    rendering: Rendering
    target_path: str = "./"
    token: str | None = None


@builtin("fetch:template", FetchTemplate, dry_run=True, attributes=_ATTRIBUTES)
async def fetch_template(ctx: ActionContext[FetchTemplate]) -> None:
    """Fetch a skeleton and render it into the workspace."""
    wanted = ctx.input
    output = Output(ctx.workspace, wanted.target_path)
    wanted.rendering.check()
    ctx.logger.info("Fetching template content from remote URL")
    source.refuse_without_user_token(ctx, wanted.url, wanted.token)
    async with source.named_folder(ctx, wanted.url, wanted.token) as (folder, shown):
        engine = rendering.renderer(ctx, wanted.rendering)
        pass_ = rendering.render_folder(folder, output, wanted.rendering, engine, ctx.logger, ctx.signal, shown=shown)
        await short_work.run(pass_)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTemplateFile:
    """A file to render and where its result goes."""

    url: str
    rendering: Rendering
    target_path: str
    token: str | None = None


@builtin("fetch:template:file", FetchTemplateFile, dry_run=True, attributes=_ATTRIBUTES)
async def fetch_template_file(ctx: ActionContext[FetchTemplateFile]) -> None:
    """Fetch one file and render it into the workspace."""
    wanted = ctx.input
    if _is_kept(ctx, wanted.target_path, wanted.rendering):
        return
    ctx.logger.info("Fetching template file content from remote URL")
    source.refuse_without_user_token(ctx, wanted.url, wanted.token)
    content = await source.file(ctx, wanted.url, wanted.token)
    name = source.shown(ctx, wanted.url) or wanted.url
    await asyncio.to_thread(_render_file, ctx, content, name, wanted.target_path, wanted.rendering)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceTemplate:
    """A skeleton in the workspace and where its result goes."""

    source_path: str
    target_path: str
    rendering: Rendering


@builtin("workspace:template", WorkspaceTemplate, dry_run=True, attributes=_ATTRIBUTES)
def workspace_template(ctx: ActionContext[WorkspaceTemplate]) -> None:
    """Render a folder of the workspace into another."""
    wanted = ctx.input
    output = Output(ctx.workspace, wanted.target_path)
    wanted.rendering.check()
    folder = ctx.workspace.path(wanted.source_path)
    engine = rendering.renderer(ctx, wanted.rendering)
    shown = ctx.workspace.relative(folder)
    short_work.finish(
        rendering.render_folder(folder, output, wanted.rendering, engine, ctx.logger, ctx.signal, shown=shown)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceTemplateFile:
    """A file of the workspace and where its result goes."""

    source_path: str
    target_path: str
    rendering: Rendering


@builtin("workspace:template:file", WorkspaceTemplateFile, dry_run=True, attributes=_ATTRIBUTES)
def workspace_template_file(ctx: ActionContext[WorkspaceTemplateFile]) -> None:
    """Render one file of the workspace into another."""
    wanted = ctx.input
    if _is_kept(ctx, wanted.target_path, wanted.rendering):
        return
    path = ctx.workspace.path(wanted.source_path)
    if not path.is_file():
        raise NotFoundError(f"The workspace has no file '{wanted.source_path}'")
    _render_file(ctx, path.read_bytes(), wanted.source_path, wanted.target_path, wanted.rendering)


def _is_kept(ctx: ActionContext[Any], target: str, wanted: Rendering) -> bool:
    path = ctx.workspace.path(target)
    if path == ctx.workspace.root:
        raise InputError(f"'{target}' must name a file")
    if not path.exists() or wanted.replace:
        return False
    ctx.logger.info(f"File {target} already exists in workspace, not replacing.")
    return True


def _render_file(ctx: ActionContext[Any], content: bytes, name: str, target: str, wanted: Rendering) -> None:
    ctx.logger.info(f"Processing template file with input values{wanted.values_in_log()}")
    engine = rendering.renderer(ctx, wanted)
    text = engine.render(content.decode("utf-8", "replace"), engine.prepare(wanted.context()), filename=name)
    output = Output(ctx.workspace, ".")
    relative = ctx.workspace.relative(ctx.workspace.path(target))
    output.write(relative, rendering.as_bytes(text), mode=_FILE_MODE, replace=True)
    ctx.logger.info(f"Template file has been written to {ctx.workspace.path(target)}")
