"""What form fields offer while somebody types: owners, repositories and branches on GitHub, as the user sees them."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.integrations import github
from backstage_py.integrations.github import GithubApi
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.json import Json, JsonObject

_DEFAULT_HOST = "github.com"
_PAGE = 100
_MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class GithubAutocomplete:
    """The provider ``github`` of ``POST /v2/autocomplete``."""

    hosts: ScmRegistry

    async def __call__(self, *, resource: str, token: str, context: Mapping[str, str]) -> list[JsonObject]:
        """Return ``{"id": …}`` for each owner, repository or branch that the token may see.

        Raises:
            InputError: an unknown resource or host, or a part of the context is missing. Otherwise as ``GithubApi``.
        """
        host = context.get("host") or _DEFAULT_HOST
        integration = self.hosts.by_host(host)
        if not integration or integration.type != "github" or not integration.api_base_url:
            raise InputError(f"No integration for host {host}")
        path, member = _question(resource, context)
        async with GithubApi(integration.api_base_url, token) as api:
            return [{"id": str(item[member])} for item in await _all(api, path)]


def _question(resource: str, context: Mapping[str, str]) -> tuple[str, str]:
    """Return the path to ask and the member of each answer to offer."""
    match resource:
        case "repositoriesWithOwner":
            return "/user/repos", "full_name"
        case "owners":
            return "/user/orgs", "login"
        case "branches":
            owner, repository = context.get("owner"), context.get("repository")
            if not owner or not repository:
                raise InputError("Missing owner and/or repository context parameter")
            return github.path("/repos/{owner}/{repo}/branches", owner=owner, repo=repository), "name"
        case _:
            raise InputError(f"Invalid resource: {resource}")


async def _all(api: GithubApi, path: str) -> list[Json]:
    found: list[Json] = []
    for page in range(1, _MOST_PAGES + 1):
        items = await api.call("GET", path, query={"per_page": str(_PAGE), "page": str(page)})
        found += items
        if len(items) < _PAGE:
            break
    return found
