"""``fetch:cookiecutter``: templates written for cookiecutter, rendered by cookiecutter itself."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.integrations.children import cookiecutter
from backstage_py.plugin import ActionAttributes, ActionContext, Json, NotAllowedError
from backstage_py_actions._builtin import builtin
from backstage_py_actions.fetch import plain, source
from backstage_py_actions.fetch.output import Output


@dataclass(frozen=True, slots=True)
class FetchCookiecutter:
    """A cookiecutter template, its values, and where its result goes."""

    url: str
    values: Mapping[str, Json]
    target_path: str = "./"
    copy_without_render: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    token: str | None = None


@builtin(
    "fetch:cookiecutter",
    FetchCookiecutter,
    dry_run=True,
    attributes=ActionAttributes(idempotent=True, destructive=False, local=True),
)
async def fetch_cookiecutter(ctx: ActionContext[FetchCookiecutter]) -> None:
    """Fetch a template and let cookiecutter render it.

    cookiecutter's templates are Jinja2, which can reach Python; so it runs in a sandboxed environment, hooks only when
    ``scaffolder.cookiecutter.allowHooks`` is set, and extensions only when the configuration lists them.
    """
    wanted = ctx.input
    options = ((ctx.services.config or {}).get("scaffolder") or {}).get("cookiecutter") or {}
    for extension in wanted.extensions:
        if extension not in (options.get("extensions") or ()):
            raise NotAllowedError(
                f"The Jinja extension '{extension}' is not on 'scaffolder.cookiecutter.extensions'; "
                "have it added or leave it out"
            )
    ctx.logger.info("Fetching and then templating using cookiecutter")
    output = Output(ctx.workspace, wanted.target_path)
    source.refuse_without_user_token(ctx, wanted.url, wanted.token)
    async with (
        source.folder(ctx, wanted.url, wanted.token) as folder,
        cookiecutter.rendered(
            folder,
            values=wanted.values,
            copy_without_render=wanted.copy_without_render,
            extensions=wanted.extensions,
            allow_hooks=bool(options.get("allowHooks")),
            config=ctx.services.config,
        ) as result,
    ):
        await asyncio.to_thread(plain.copy_folder, result, output, ctx.logger)
    ctx.logger.info(f"Template result written to {output.folder}")
