"""A repository of the Bitbucket that an action is about, reached as the template or the configuration says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backstage_py.integrations import bitbucket
from backstage_py.integrations.forges import bitbucket_server
from backstage_py.integrations.forges.bitbucket_cloud import Repository
from backstage_py.plugin import ActionContext, InputError
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting

CLOUD = "bitbucket.org"
_NO_CLOUD = (
    "Authorization has not been provided for Bitbucket Cloud. Please provide either OAuth credentials "
    "(clientId/clientSecret), username and token, or username and appPassword in the Integrations config"
)


@asynccontextmanager
async def cloud(ctx: ActionContext[Any], repo_url: str, token: str | None) -> AsyncIterator[tuple[Repository, str]]:
    """Give the repository that a ``repoUrl`` names, which need not exist, and the key of its project.

    Raises:
        InputError: the ``repoUrl`` is not complete, no integration of Bitbucket Cloud knows its host, or there is no
        token.
    """
    found = parse_repo_url(repo_url, ctx.integrations)
    async with named(ctx, found.host, str(found.workspace), str(found.repo), token) as repository:
        yield repository, str(found.project)


@asynccontextmanager
async def named(
    ctx: ActionContext[Any], host: str, workspace: str, name: str, token: str | None
) -> AsyncIterator[Repository]:
    """Give a repository of a workspace. Errors as for ``cloud``."""
    integration = hosting.integration(ctx, "bitbucketCloud", host)
    hosting.refuse_without_user(ctx, host, token)
    used = token or await ctx.integrations.token(host)
    if not used:
        raise InputError(_NO_CLOUD)
    git = bitbucket.cloud_git(integration, used, is_own=not token)
    async with bitbucket.cloud(integration, used, hosting.patience(ctx), is_own=not token) as api:
        yield Repository(api, host, bitbucket.site_of(integration), workspace, name, git)


@asynccontextmanager
async def server(
    ctx: ActionContext[Any], repo_url: str, token: str | None
) -> AsyncIterator[bitbucket_server.Repository]:
    """Give the repository of a Bitbucket Server that a ``repoUrl`` names. Errors as for ``cloud``."""
    found = parse_repo_url(repo_url, ctx.integrations)
    integration = hosting.integration(ctx, "bitbucketServer", found.host)
    hosting.refuse_without_user(ctx, found.host, token)
    used = token or await ctx.integrations.token(found.host)
    if not used:
        raise InputError(
            f"Authorization has not been provided for {found.host}. Please add either (a) a user login auth token, "
            "or (b) a token or (c) username + password to the integration config."
        )
    git = bitbucket.server_git(integration, used, is_own=not token)
    site, project, name = bitbucket.site_of(integration), str(found.project), str(found.repo)
    async with bitbucket.server(integration, used, hosting.patience(ctx), is_own=not token) as api:
        yield bitbucket_server.Repository(api, found.host, site, project, name, git)
