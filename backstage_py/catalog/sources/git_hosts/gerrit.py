"""The provider of ``catalog.providers.gerrit``: a location for each project that a query finds.

Source: ``GerritEntityProvider`` of Backstage's module; that an updated branch is followed is ours.
"""

from collections.abc import Sequence

from backstage_py.catalog.sources.git_hosts import api
from backstage_py.catalog.sources.git_hosts.discovery import location, named
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.catalog.sources.together import together
from backstage_py.errors import ForeignError
from backstage_py.integrations import gerrit
from backstage_py.integrations.hosts.credentials import gerrit_password
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import web_url
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections.git_providers import GerritSettings

_AT_A_TIME = 5


class GerritProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = ("gerrit.ref-updated",)

    def __init__(self, settings: GerritSettings, http: HttpClient, hosts: ScmRegistry) -> None:
        super().__init__(f"gerrit-provider:{settings.id}", settings.schedule)
        self._settings = settings
        self._api = api.of_host(http, hosts, "gerrit", settings.host)
        integration = self._api.integration
        self._places = gerrit.places(integration)
        self._root = f"{self._places.pages}{'/a' if gerrit_password(integration) else ''}/projects/"

    async def found(self) -> Sequence[JsonObject]:
        """Return the locations of all projects that are found."""
        projects = gerrit.parsed(await self._api.read(f"{self._root}?{self._settings.query}"))
        if not isinstance(projects, dict) or not all(isinstance(one, dict) for one in projects.values()):
            raise ForeignError(f"{self._root} was answered with something else than projects")
        must_show(self._settings.host, "projects", projects)
        urls = await together(self._url, list(projects), at_a_time=_AT_A_TIME)
        return [location(one, "optional") for one in urls]

    async def _url(self, project: str) -> str:
        branch = f"refs/heads/{self._settings.branch}"
        if not self._settings.branch:
            head = gerrit.parsed(await self._api.read(f"{self._root}{web_url.segment(project)}/HEAD"))
            if not isinstance(head, str) or not head.startswith("refs/"):
                raise ForeignError(f"{self._settings.host} does not say which branch is the HEAD of {project}")
            branch = head
        return f"{self._places.files}/{project}/+/{branch}/{self._settings.catalog_path}"

    async def hear(self, event: Event) -> None:
        """Have the file of an updated branch read again; new projects come with the next reading."""
        update = event.payload.get("refUpdate")
        project, ref = named(update, "project"), named(update, "refName")
        branch = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
        if project:
            await self.refresh(f"{self._places.files}/{project}/+/{branch}/{self._settings.catalog_path}")
