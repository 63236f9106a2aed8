"""A client for the GitLab that an action is about, authenticated as the template or the configuration says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backstage_py.integrations import gitlab
from backstage_py.integrations.forges.gitlab import Project
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.plugin import ActionContext, InputError
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting

EXTRA = "gitlab"


@asynccontextmanager
async def opened(
    ctx: ActionContext[Any], host: str, token: str | None, *, only_reads: bool = False
) -> AsyncIterator[GitlabApi]:
    """Give a host's API, as the user whose token it is, or else as the integration.

    ``scaffolder.requireScmUserCredentials`` is about what changes something, as in Backstage's module.

    Raises:
        InputError: no integration of GitLab knows the host, or there is no token.
    """
    integration = hosting.integration(ctx, "gitlab", host)
    if not only_reads:
        hosting.refuse_without_user(ctx, host, token)
    used = token or integration.token
    if not used:
        raise InputError(f"No token available for host {host}")
    async with GitlabApi(gitlab.api_of(integration), used, bool(token), hosting.patience(ctx)) as api:
        yield api


@asynccontextmanager
async def project(ctx: ActionContext[Any], repo_url: str, token: str | None) -> AsyncIterator[Project]:
    """Give the project that a ``repoUrl`` names, by ``project`` or by ``owner`` and ``repo``."""
    found = parse_repo_url(repo_url, ctx.integrations)
    async with opened(ctx, found.host, token) as api:
        yield Project(api, found.host, found.project or f"{found.owner}/{found.repo}")


@asynccontextmanager
async def numbered(
    ctx: ActionContext[Any], repo_url: str, ref: str | float, token: str | None
) -> AsyncIterator[Project]:
    """Give the project with a number or path, on the host that a ``repoUrl`` names."""
    host = gitlab.host_of(repo_url)
    async with opened(ctx, host, token) as api:
        yield Project(api, host, number(ref))


def number(value: str | float) -> str:
    """Return a number or path as it stands in addresses; JSON has no difference between 12 and 12.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
