"""A client for the repository that an action is about, authenticated as the template or the configuration says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backstage_py.integrations.forges.github import Repository
from backstage_py.integrations.github import GithubApi
from backstage_py.plugin import ActionContext, InputError
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting


def locate(ctx: ActionContext[Any], text: str) -> tuple[str, str, str]:
    """Return host, owner and name of the repository that a ``repoUrl`` names.

    Raises:
        InputError: it is not complete, or no integration knows its host.
    """
    found = parse_repo_url(text, ctx.integrations)
    if not found.owner:
        raise InputError("Invalid repository owner provided in repoUrl")
    return found.host, found.owner, found.repo or ""


@asynccontextmanager
async def repository(ctx: ActionContext[Any], text: str, token: str | None) -> AsyncIterator[Repository]:
    """Give the repository that a ``repoUrl`` names; it need not exist.

    Raises:
        InputError: the ``repoUrl`` cannot be used, or there is no token.
    """
    host, owner, name = locate(ctx, text)
    integration = ctx.integrations.by_host(host)
    if not integration or integration.type != "github" or not integration.api_base_url:
        raise InputError(f"No integration for host {host}")
    used = token or await _configured_token(ctx, host, owner, name)
    async with GithubApi(integration.api_base_url, used, hosting.patience(ctx)) as api:
        yield Repository(api, host, owner, name)


async def _configured_token(ctx: ActionContext[Any], host: str, owner: str, repo: str) -> str:
    hosting.refuse_without_user(ctx, host, None)
    token = await ctx.integrations.token(host, owner)
    if not token:
        raise InputError(
            f"No token available for host: {host}, with owner {owner}, and repo {repo}. Make sure GitHub auth is "
            "configured correctly. See https://backstage.io/docs/auth/github/provider for more details."
        )
    return token
