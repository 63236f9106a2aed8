"""The provider of ``catalog.providers.bitbucketCloud``: a location for each catalog file that the code search finds.

Source: ``BitbucketCloudEntityProvider`` of Backstage's module.
"""

from collections.abc import Sequence

from backstage_py.catalog.sources.git_hosts import api
from backstage_py.catalog.sources.git_hosts.discovery import location, named, whole
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import web_url
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections.git_providers import BitbucketCloudSettings

_HOST = "bitbucket.org"
_REPOSITORY = "bitbucket.org/repo-url"
"""The annotation that says of which repository a location is."""
_RESULT = "values.file.commit.repository"
_FIELDS = (
    f"-values.content_matches,+{_RESULT}.mainbranch.name,+{_RESULT}.project.key,+{_RESULT}.slug,"
    f"-values.*.links,-values.*.*.links,-values.*.*.*.links,+{_RESULT}.links.html.href"
)
"""What results have and lack: nothing of contents, of links the repository's alone."""


class BitbucketCloudProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = ("bitbucketCloud.repo:push", "bitbucketCloud.repo:updated")

    def __init__(self, settings: BitbucketCloudSettings, http: HttpClient, hosts: ScmRegistry) -> None:
        super().__init__(f"bitbucketCloud-provider:{settings.id}", settings.schedule)
        self._settings = settings
        self._api = api.of_host(http, hosts, "bitbucketCloud", _HOST)
        self._root = self._api.integration.api_base_url or "https://api.bitbucket.org/2.0"
        self._workspace = f"{self._root}/workspaces/{web_url.segment(settings.workspace)}"
        self._project_fits = whole(settings.project)
        self._repository_fits = whole(settings.repository)
        self._known: dict[str, list[JsonObject]] = {}
        self._is_read = False

    async def found(self) -> Sequence[JsonObject]:
        """Return the locations of all files that are found, project by project, which is what the search can bear."""
        known: dict[str, list[JsonObject]] = {}
        every: list[JsonObject] = []
        async for project in self._api.linked(f"{self._workspace}/projects", {"page": 1, "pagelen": 100}):
            files = await self._files(f" project:{project['key']}")
            every += files
            for one in self._wanted(files):
                known.setdefault(_repository(one), []).append(one)
        must_show(_HOST, f"catalog files of {self._settings.workspace}", every)
        self._known, self._is_read = known, True
        return [one for several in known.values() for one in several]

    async def _files(self, within: str) -> list[JsonObject]:
        """Search for files whose path fits."""
        path = self._settings.catalog_path
        query: api.Query = {
            "page": 1,
            "pagelen": self._settings.page,
            "fields": _FIELDS,
            "search_query": f'"{path.rpartition("/")[2]}" path:{path}{within}',
        }
        found = [one async for one in self._api.linked(f"{self._workspace}/search/code", query)]
        return [one["file"] for one in found if one["path_matches"]]

    def _wanted(self, files: Sequence[JsonObject]) -> list[JsonObject]:
        return [self._location(one) for one in files if self._is_wanted(one)]

    def _is_wanted(self, file: JsonObject) -> bool:
        repository = file["commit"]["repository"]
        return self._fits(named(repository, "project", "key"), named(repository, "slug"))

    def _fits(self, project: str, repository: str) -> bool:
        return self._project_fits(project) and self._repository_fits(repository)

    def _location(self, file: JsonObject) -> JsonObject:
        repository = file["commit"]["repository"]
        url = named(repository, "links", "html", "href")
        branch = named(repository, "mainbranch", "name") or "master"
        made = location(f"{url}/src/{branch}/{file['path']}", "required")
        made["metadata"]["annotations"][_REPOSITORY] = url
        return made

    async def hear(self, event: Event) -> None:
        """Search a repository again that was pushed to or renamed, and follow what came of it."""
        told = event.payload.get("repository")
        workspace, _, name = named(told, "full_name").partition("/")
        workspace = named(told, "workspace", "slug") or workspace
        if workspace != self._settings.workspace or not self._fits(named(told, "project", "key"), name):
            return
        before = now = named(told, "links", "html", "href")
        if not self._is_read:  # by this process: what the repository had is not known
            await self.read()
            await self.refresh(*(_target(one) for one in self._known.get(now, ())))
            return
        if event.topic.endswith("updated"):
            before = named(event.payload, "changes", "links", "old", "html", "href")
        if before:
            await self._follow(before, now, self._wanted(await self._files(f" repo:{name}")))

    async def _follow(self, before: str, now: str, found: list[JsonObject]) -> None:
        old = {_target(one): one for one in self._known.pop(before, [])}
        new = {_target(one): one for one in found}
        self._known[now] = found
        await self.change(
            [one for target, one in new.items() if target not in old],
            [one for target, one in old.items() if target not in new],
        )
        await self.refresh(*(target for target in old if target in new))


def _repository(entity: JsonObject) -> str:
    return named(entity, "metadata", "annotations", _REPOSITORY)


def _target(entity: JsonObject) -> str:
    return named(entity, "spec", "target")
