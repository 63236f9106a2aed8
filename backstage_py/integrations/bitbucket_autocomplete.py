"""What form fields offer while somebody types: workspaces, projects, repositories and branches of Bitbucket Cloud."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.errors import ForeignError, InputError
from backstage_py.integrations import bitbucket
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.patience import Patience
from backstage_py.model.json import JsonObject
from backstage_py.model.web_url import segment

_HOST = "bitbucket.org"
_PAGE, _MOST_PAGES = 100, 100


@dataclass(frozen=True, slots=True)
class BitbucketAutocomplete:
    """The provider ``bitbucket-cloud`` of ``POST /v2/autocomplete``."""

    hosts: ScmRegistry

    async def __call__(self, *, resource: str, token: str, context: Mapping[str, str]) -> list[JsonObject]:
        """Return ``{"id": …}`` for each workspace, project, repository or branch that the token may see.

        Raises:
            InputError: an unknown resource, or a part of the context is missing. Otherwise as ``RestApi``.
        """
        integration = self.hosts.by_host(_HOST)
        if integration is None:
            raise InputError(f"No matching integration configuration for host {_HOST}")
        path, member, query = _asked(resource, context)
        async with bitbucket.cloud(integration, token, Patience(), is_own=False) as api:
            return [{"id": one} for one in await _listed(api, path, member, query)]


def _asked(resource: str, context: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
    """Return the path of a list, what names each of it, and further parameters."""
    given = {name: context.get(name) or "" for name in ("workspace", "project", "repository")}
    workspace = given["workspace"]
    match resource:
        case "workspaces":
            return "/workspaces", "slug", {}
        case "projects":
            if not workspace:
                raise InputError("Missing workspace context parameter")
            return f"/workspaces/{segment(workspace)}/projects", "key", {}
        case "repositories":
            if not workspace or not given["project"]:
                raise InputError("Missing workspace and/or project context parameter")
            return f"/repositories/{segment(workspace)}", "slug", {"q": f'project.key="{given["project"]}"'}
        case "branches":
            if not workspace or not given["repository"]:
                raise InputError("Missing workspace and/or repository context parameter")
            return f"/repositories/{segment(workspace)}/{segment(given['repository'])}/refs/branches", "name", {}
        case _:
            raise InputError(f"Invalid resource: {resource}")


async def _listed(api: RestApi, path: str, member: str, query: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for page in range(1, _MOST_PAGES + 1):
        answer = await api.call("GET", path, query={**query, "pagelen": str(_PAGE), "page": str(page)})
        found += [str(one[member]) for one in answer["values"]]
        if not answer.get("next"):
            return found
    raise ForeignError(f"Bitbucket lists more than {_PAGE * _MOST_PAGES} at {path}")
