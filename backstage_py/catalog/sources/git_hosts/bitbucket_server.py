"""The provider of ``catalog.providers.bitbucketServer``: a location for each repository that the filters let in.

Source: ``BitbucketServerEntityProvider`` of Backstage's module. A repository whose file cannot be looked for makes the
reading fail, where that module leaves it out.
"""

from collections.abc import AsyncIterator, Sequence

from backstage_py.catalog.sources.git_hosts import api
from backstage_py.catalog.sources.git_hosts.discovery import listed, location, named, part
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.catalog.sources.together import together
from backstage_py.errors import NotFoundError
from backstage_py.integrations import paging
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import web_url
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections.git_providers import BitbucketServerSettings

_BRANCH = "bitbucket.org/default-branch"


class BitbucketServerProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = ("bitbucketServer.repo:refs_changed",)

    def __init__(self, settings: BitbucketServerSettings, http: HttpClient, hosts: ScmRegistry) -> None:
        super().__init__(f"bitbucketServer-provider:{settings.id}", settings.schedule)
        self._settings = settings
        self._api = api.of_host(http, hosts, "bitbucketServer", settings.host)
        self._root = self._api.integration.api_base_url or f"https://{settings.host}/rest/api/1.0"
        self._project_fits = part(settings.project)
        self._repository_fits = part(settings.repository)

    async def found(self) -> Sequence[JsonObject]:
        """Return the locations of all repositories that the filters let in."""
        locations = await together(self._located, await self._repositories())
        return [one for one in locations if one]

    async def _repositories(self) -> list[JsonObject]:
        projects = [one["key"] async for one in self._pages(f"{self._root}/projects")]
        must_show(self._settings.host, "projects", projects)
        every: list[JsonObject] = []
        for project in filter(self._project_fits, projects):
            url = f"{self._root}/projects/{web_url.segment(project)}/repos"
            every += [{"project": {"key": project}, **one} async for one in self._pages(url)]
        must_show(self._settings.host, "repositories", every)
        return [one for one in every if self._is_wanted(one)]

    async def _pages(self, url: str) -> AsyncIterator[JsonObject]:
        start: int | None = None
        pages = paging.Pages(url)
        while True:
            page = pages.counted(await self._api.read(url, {"start": start})).json()
            for one in paging.member(page, "values", url):
                yield one
            start = page.get("nextPageStart")
            if page.get("isLastPage", True):
                return

    def _is_wanted(self, repository: JsonObject) -> bool:
        return (
            self._project_fits(named(repository, "project", "key"))
            and self._repository_fits(repository["slug"])
            and not (self._settings.skips_archived and repository.get("archived"))
        )

    async def _located(self, repository: JsonObject) -> JsonObject | None:
        """Return the location of a repository; None when its file is wanted and not there."""
        own = self._url(repository)
        if self._settings.validates:
            file = web_url.segments(self._settings.catalog_path.removeprefix("/"))
            if not await self._api.has(f"{own}/raw/{file}", method="GET"):
                return None
        made = location(f"{repository['links']['self'][0]['href']}{self._settings.catalog_path}", "optional")
        branch = repository.get("defaultBranch")
        if branch is None:
            branch = (await self._api.read(f"{own}/default-branch")).json()["displayId"]
        made["metadata"]["annotations"][_BRANCH] = branch
        return made

    def _url(self, repository: JsonObject) -> str:
        project, name = web_url.segment(repository["project"]["key"]), web_url.segment(repository["slug"])
        return f"{self._root}/projects/{project}/repos/{name}"

    async def hear(self, event: Event) -> None:
        """Follow a push to the default branch of a repository that the filters let in."""
        told = event.payload.get("repository")
        project, name = named(told, "project", "key"), named(told, "slug")
        if not project or not name:
            return
        url = self._url({"project": {"key": project}, "slug": name})
        try:
            repository = {"project": {"key": project}, **(await self._api.read(url)).json()}
        except NotFoundError:
            return
        if not self._is_wanted(repository):
            return
        made = await self._located(repository)
        branches = [named(one, "ref", "displayId") for one in listed(event.payload, "changes")]
        if made is None:
            await self.change(removed=[self._bare(repository)])
        elif made["metadata"]["annotations"][_BRANCH] in branches:
            await self.change([made])
            await self.refresh(made["spec"]["target"])

    def _bare(self, repository: JsonObject) -> JsonObject:
        return location(f"{repository['links']['self'][0]['href']}{self._settings.catalog_path}")
