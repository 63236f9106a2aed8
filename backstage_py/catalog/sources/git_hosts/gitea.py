"""The provider of ``catalog.providers.gitea``: a location for each repository of an organization that has the file.

Source: ``GiteaEntityProvider`` of Backstage's module; that a push is followed is ours. A repository whose file cannot
be looked for makes the reading fail, where that module leaves it out.
"""

from collections.abc import Sequence

from backstage_py.catalog.sources.git_hosts import api
from backstage_py.catalog.sources.git_hosts.discovery import location, named
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.catalog.sources.together import together
from backstage_py.integrations import paging
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import web_url
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections.git_providers import GiteaSettings

_AT_A_TIME = 5


class GiteaProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = ("gitea.push",)

    def __init__(self, settings: GiteaSettings, http: HttpClient, hosts: ScmRegistry) -> None:
        super().__init__(f"gitea-provider:{settings.id}", settings.schedule)
        self._settings = settings
        self._api = api.of_host(http, hosts, "gitea", settings.host)
        integration = self._api.integration
        self._root = integration.api_base_url or f"{integration.site}/api/v1"
        self._organization = web_url.segment(settings.organization)

    async def found(self) -> Sequence[JsonObject]:
        """Return the locations of all repositories that have the file."""
        repositories = list[JsonObject]()
        pages, page = paging.Pages(f"{self._root}/orgs/{self._organization}/repos"), 1
        while several := (await self._page(pages, page, len(repositories))):
            repositories += several
            page += 1
        must_show(self._settings.host, f"repositories of {self._settings.organization}", repositories)
        full = [one for one in repositories if not one.get("empty")]
        has = await together(self._has_file, full, at_a_time=_AT_A_TIME)
        return [location(self._url(one)) for one, is_there in zip(full, has, strict=True) if is_there]

    async def _page(self, pages: paging.Pages, number: int, before: int) -> list[JsonObject]:
        answer = pages.counted(await self._api.read(pages.url, {"page": number}))
        found = paging.objects(answer.json(), pages.url)
        if not found:
            pages.check_total(answer.headers.get("x-total-count"), before)
        return found

    async def _has_file(self, repository: JsonObject) -> bool:
        path = web_url.segments(self._settings.catalog_path)
        name = web_url.segment(repository["name"])
        return await self._api.has(f"{self._root}/repos/{self._organization}/{name}/contents/{path}", method="GET")

    def _url(self, repository: JsonObject) -> str:
        return f"{repository['html_url']}/src/branch/{self._settings.branch}/{self._settings.catalog_path}"

    async def hear(self, event: Event) -> None:
        """Follow a push to the branch that is read."""
        told: JsonObject = event.payload.get("repository") or {}
        owner = named(told, "owner", "login") or named(told, "owner", "username")
        is_ours = owner.lower() == self._settings.organization.lower()
        if not is_ours or named(event.payload, "ref") != f"refs/heads/{self._settings.branch}":
            return
        own = f"{self._root}/repos/{self._organization}/{web_url.segment(named(told, 'name'))}"
        repository = (await self._api.read(own)).json()  # what is told of it may be forged
        made = location(self._url(repository))
        if not await self._has_file(repository):
            await self.change(removed=[made])
            return
        await self.change([made])
        await self.refresh(self._url(repository))
