"""The provider of ``catalog.providers.azureDevOps``: a location for each catalog file that the code search finds.

Source: ``AzureDevOpsEntityProvider`` of Backstage's module; that a push is followed is ours.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import quote

from backstage_py.catalog.sources.git_hosts import api
from backstage_py.catalog.sources.git_hosts.discovery import listed, location, named
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.errors import ForeignError
from backstage_py.integrations import paging
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections.git_providers import AzureDevOpsSettings

_CLOUD = "dev.azure.com"
_CLOUD_SEARCH = "https://almsearch.dev.azure.com"
_VERSION = "6.0-preview.1"
_PAGE = 1000
_UNENCODED = ";/?:@&=+$,#-_.!~*'()"
"""What JavaScript's ``encodeURI`` leaves."""


class AzureDevOpsProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = ("azureDevOps.git.push",)

    def __init__(self, settings: AzureDevOpsSettings, http: HttpClient, hosts: ScmRegistry) -> None:
        super().__init__(f"AzureDevOpsEntityProvider:{settings.id}", settings.schedule)
        self._settings = settings
        self._api = api.of_host(http, hosts, "azure", settings.host, settings.organization)

    async def found(self) -> Sequence[JsonObject]:
        """Return the locations of all files that are found."""
        asked, results = self._settings, list[JsonObject]()
        search: JsonObject = {
            "searchText": f"path:{asked.path} repo:{asked.repository} proj:{asked.project}",
            "$orderBy": [{"field": "path", "sortOrder": "ASC"}],
            "$top": _PAGE,
        }
        if asked.branch:
            search["filters"] = {"Branch": [asked.branch]}
        wanted, pages = 0, paging.Pages(self._search_url)
        while True:
            asking = self._api.post(pages.url, {**search, "$skip": len(results)}, {"api-version": _VERSION})
            page = pages.counted(await asking).json()
            several = paging.member(page, "results", pages.url)
            results += several
            wanted = max(wanted, int(page["count"]))
            if wanted <= len(results):
                break
            if not several:
                raise ForeignError(f"The search of {asked.organization} told of {wanted} files and ended before")
        must_show(asked.host, f"catalog files of {asked.organization}", results)
        found = [self._url(one["project"]["name"], one["repository"]["name"], one["path"]) for one in results]
        return [location(one, "required") for one in dict.fromkeys(found)]

    @property
    def _search_url(self) -> str:
        host = self._settings.host
        root = self._api.integration.api_base_url or (_CLOUD_SEARCH if host == _CLOUD else f"https://{host}")
        return f"{root}/{quote(self._settings.organization)}/_apis/search/codesearchresults"

    def _url(self, project: str, repository: str, path: str) -> str:
        asked = self._settings
        version = f"&version=GB{asked.branch}" if asked.branch else ""
        url = f"https://{asked.host}/{asked.organization}/{project}/_git/{repository}?path={path}{version}"
        return quote(url, safe=_UNENCODED)

    async def hear(self, event: Event) -> None:
        """Have the file of a pushed repository read again; the search knows new ones only after a while."""
        repository = event.payload.get("resource", {}).get("repository")
        project, name = named(repository, "project", "name"), named(repository, "name")
        asked = self._settings
        branch = asked.branch or named(repository, "defaultBranch").removeprefix("refs/heads/")
        branches = [named(one, "name") for one in listed(event.payload, "resource", "refUpdates")]
        is_ours = fnmatchcase(project.lower(), asked.project.lower()) and fnmatchcase(
            name.lower(), asked.repository.lower()
        )
        if is_ours and (not branch or f"refs/heads/{branch}" in branches):
            await self.refresh(self._url(project, name, asked.path))
