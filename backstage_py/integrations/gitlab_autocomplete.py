"""What form fields offer while somebody types: groups and repositories on GitLab, as the user sees them."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.errors import InputError
from backstage_py.integrations import gitlab
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.json import JsonObject

_DEFAULT_HOST = "gitlab.com"


@dataclass(frozen=True, slots=True)
class GitlabAutocomplete:
    """The provider ``gitlab`` of ``POST /v2/autocomplete``."""

    hosts: ScmRegistry

    async def __call__(self, *, resource: str, token: str, context: Mapping[str, str]) -> list[JsonObject]:
        """Return ``{"id": …, "title": …}`` for each group, or for each project of one, that the token may see.

        Raises:
            InputError: an unknown resource or host, or the group is missing. Otherwise as ``GitlabApi``.
        """
        host = context.get("host") or _DEFAULT_HOST
        integration = self.hosts.by_host(host)
        if not integration or integration.type != "gitlab":
            raise InputError(
                f"No matching integration configuration for host {host}, please check your integrations config"
            )
        async with GitlabApi(gitlab.api_of(integration), token, is_oauth=True) as api:
            match resource:
                case "groups":
                    return await _groups(api)
                case "repositories":
                    return await _repositories(api, context.get("id"))
                case _:
                    raise InputError(f"Invalid resource: {resource}")


async def _groups(api: GitlabApi) -> list[JsonObject]:
    """Return the groups, and the user, who may own projects, too."""
    found = [{"title": one["full_path"], "id": str(one["id"])} for one in await api.list("/groups")]
    user = await api.call("GET", "/user")
    return [*found, {"title": user["username"], "id": str(user["id"])}]


async def _repositories(api: GitlabApi, owner: str | None) -> list[JsonObject]:
    if not owner:
        raise InputError("Missing groupId and userId context parameter")
    user = await api.call("GET", "/user")
    kind = "/users/{owner}/projects" if str(user["id"]) == owner else "/groups/{owner}/projects"
    found = await api.list(gitlab.path(kind, owner=owner))
    return [{"title": str(one["name"]).strip(), "id": one["path"]} for one in found]
