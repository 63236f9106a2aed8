"""Catalog files that a repository on GitHub has already, found by GitHub's code search."""

from collections.abc import Awaitable, Callable

from backstage_py.errors import BackstageError, ForeignError
from backstage_py.integrations import github
from backstage_py.integrations.github import GithubApi
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.scm import ScmIntegration

Preview = Callable[[str], Awaitable[tuple[bool, list[JsonObject]]]]
"""From a URL of a catalog file to whether it is registered, and the entities that it brings."""

_FILE = "catalog-info.yaml"


async def existing(
    url: str, owner: str, name: str, integration: ScmIntegration, token: str, preview: Preview
) -> list[JsonObject]:
    """Return each entity of each catalog file of a repository, as ``POST /analyze-location`` lists them.

    Raises:
        ForeignError: GitHub cannot be asked. InputError: a file that it names cannot be read.
    """
    query = f"filename:{_FILE} extension:yaml repo:{owner}/{name}"
    async with GithubApi(str(integration.api_base_url), token) as api:
        found = await _ask(api, "/search/code", "search repository for metadata file", {"q": query})
        if not found["total_count"]:
            return []
        path = github.path("/repos/{owner}/{repo}", owner=owner, repo=name)
        branch = (await _ask(api, path, "fetch repo data"))["default_branch"]
    files = []
    for item in found["items"]:
        target = f"{url.rstrip('/')}/blob/{branch}/{item['path']}"
        registered, entities = await preview(target)
        files += [
            {"location": {"type": "url", "target": target}, "isRegistered": registered, "entity": entity}
            for entity in entities
        ]
    return files


async def _ask(api: GithubApi, path: str, what: str, query: dict[str, str] | None = None) -> Json:
    try:
        return await api.call("GET", path, query=query)
    except BackstageError as error:
        # no 401 or 404 of GitHub's may look like one of ours
        raise ForeignError(f"Couldn't {what} on GitHub, {error.message}") from error
