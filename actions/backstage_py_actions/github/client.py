"""A client for the repository that an action is about, authenticated as the template or the configuration says."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from backstage_py.integrations import github
from backstage_py.integrations.github import GithubApi, Patience
from backstage_py.plugin import ActionContext, InputError, Json, NotFoundError
from backstage_py.plugin.formats import parse_repo_url

_PAGE, _MOST_PAGES = 100, 50


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on GitHub and the means to change it."""

    api: GithubApi
    host: str
    owner: str
    name: str

    def path(self, template: str = "", **names: str) -> str:
        """Return the API path of something in this repository, e.g. ``/branches/{branch}``."""
        return github.path("/repos/{owner}/{repo}" + template, owner=self.owner, repo=self.name, **names)

    async def call(self, method: str, template: str = "", body: Json = None, **names: str) -> Json:
        """Send a request about this repository."""
        return await self.api.call(method, self.path(template, **names), body)

    async def find(self, template: str = "", **names: str) -> Json:
        """Read something about this repository; None when it is not there."""
        try:
            return await self.call("GET", template, **names)
        except NotFoundError:
            return None

    async def list(
        self,
        template: str,
        member: str | None = None,
        *,
        query: Mapping[str, str] = MappingProxyType({}),
        pages: int = _MOST_PAGES,
        **names: str,
    ) -> list[Json]:
        """Read the pages of a list about this repository.

        Args:
            template: its path.
            member: of each page's object that holds the list; None where the page is the list.
            query: further parameters.
            pages: how many are read at most, of 100 each.
            names: for the path.
        """
        found: list[Json] = []
        for page in range(1, pages + 1):
            asked = {**query, "per_page": str(_PAGE), "page": str(page)}
            answer = await self.api.call("GET", self.path(template, **names), query=asked)
            items = answer[member] if member else answer
            found += items
            if len(items) < _PAGE:
                break
        return found


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
    patience = Patience.of_step(ctx.services.config or {}, ctx.logger.info, ctx.clock.sleep)
    async with GithubApi(integration.api_base_url, used, patience) as api:
        yield Repository(api, host, owner, name)


async def _configured_token(ctx: ActionContext[Any], host: str, owner: str, repo: str) -> str:
    config = ctx.services.config or {}
    if (config.get("scaffolder") or {}).get("requireScmUserCredentials"):
        raise InputError(
            f"No user credentials provided for host {host}, but scaffolder.requireScmUserCredentials is enabled"
        )
    token = await ctx.integrations.token(host, owner)
    if not token:
        raise InputError(
            f"No token available for host: {host}, with owner {owner}, and repo {repo}. Make sure GitHub auth is "
            "configured correctly. See https://backstage.io/docs/auth/github/provider for more details."
        )
    return token
