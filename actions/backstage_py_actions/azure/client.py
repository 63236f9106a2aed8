"""The organization of Azure DevOps that an action is about, reached as the template or the configuration says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backstage_py.integrations import azure
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.git import GitCredentials
from backstage_py.plugin import ActionContext, InputError
from backstage_py_actions import hosting

HOST = "dev.azure.com"
WRITE, MANAGE, BUILD, PERMIT = (
    "Code (read and write)",
    "Code (read, write and manage)",
    "Build (read and execute)",
    "Pipeline Resources (use and manage)",
)
"""Scopes, as the page for personal access tokens names them."""


@asynccontextmanager
async def opened(
    ctx: ActionContext[Any], host: str, organization: str, token: str | None, scope: str, version: str = "6.0"
) -> AsyncIterator[tuple[RestApi, GitCredentials]]:
    """Give the API of an organization, and with what git pushes there.

    Raises:
        InputError: no integration of Azure DevOps knows the host, or there is no token.
    """
    integration = hosting.integration(ctx, "azure", host)
    used = await credential(ctx, host, organization, token)
    patience = hosting.patience(ctx)
    made = azure.api(integration, organization, used, patience, is_own=not token, scope=scope, version=version)
    async with made as api:
        yield api, azure.git_credentials(used)


async def credential(ctx: ActionContext[Any], host: str, organization: str, token: str | None) -> str:
    """Return the user's token, or that of the configuration for an organization.

    Raises:
        InputError: there is none.
    """
    hosting.refuse_without_user(ctx, host, token)
    used = token or await ctx.integrations.token(host, organization)
    if not used:
        raise InputError(
            f"No credentials provided https://{host}/{organization}, please check your integrations config"
        )
    return used
