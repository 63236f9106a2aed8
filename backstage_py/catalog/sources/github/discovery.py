"""The provider of ``catalog.providers.github``: a location for each repository that the filters let in.

Source of entities, names, filters and requests: ``GithubEntityProvider`` of Backstage's module for GitHub. What is told
by events is ours in so far as repositories that are new, or become wanted, come at once, too.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from backstage_py.catalog.sources.github import queries
from backstage_py.catalog.sources.github.pushes import Pushed
from backstage_py.catalog.sources.github.repository import Repository, Wanted, named
from backstage_py.catalog.sources.known_files import KnownFiles
from backstage_py.catalog.sources.shown import must_show
from backstage_py.errors import ForeignError
from backstage_py.integrations.github_graphql import GithubGraphql
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.catalog import Event, ProviderConnection
from backstage_py.settings.sections.github_providers import GithubSettings

_TOPICS = ("github.push", "github.repository", "github.installation", "github.installation_repositories")
_log = structlog.get_logger(__name__)


class GithubProvider:
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.
        files: is told of the catalog files that come along with the repositories.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    def __init__(self, settings: GithubSettings, http: HttpClient, hosts: ScmRegistry, files: KnownFiles) -> None:
        self.name = f"github-provider:{settings.id}"
        self._settings = settings
        self._http = http
        self._hosts = hosts
        self._files = files
        self._integration = hosts.of_kind("github", settings.host, "catalog.providers.github")
        self._wanted = Wanted(settings)
        self._connection: ProviderConnection | None = None

    async def connect(self, connection: ProviderConnection) -> None:
        """Read by the schedule, and hear of what changes meanwhile."""
        self._connection = connection
        connection.on_schedule(self._settings.schedule, self.read)
        connection.on_events(_TOPICS, self.hear)

    async def close(self) -> None:
        """Do nothing: the connection ends what it began."""

    async def read(self) -> None:
        """Make the locations of all repositories those of the provider.

        Raises:
            BackstageError: GitHub does not answer, or not in full; nothing is changed then.
        """
        found = [one async for owner in self._owners() async for one in self._repositories(owner)]
        must_show(self._settings.host, "repositories", found)
        wanted = [one for one in found if self._is_wanted(one)]
        changed = await self._tell_files(wanted)
        await self._to.apply_full([self._wanted.location(one) for one in wanted], location_key=self.name)
        if changed:
            await self._to.refresh([f"url:{url}" for url in changed])
        _log.info("github_repositories_read", provider=self.name, repositories=len(found), wanted=len(wanted))

    async def hear(self, event: Event) -> None:
        """Do what an event asks for."""
        if event.topic == "github.push":
            await self._pushed(event.payload)
        elif event.topic == "github.repository":
            await self._changed(event.payload)
        elif self._settings.app is not None:
            await self.read()

    async def _owners(self) -> AsyncIterator[str]:
        if self._settings.organization:
            yield self._settings.organization
            return
        for login in await self._hosts.credentials.organisations(self._integration, self._settings.app):
            yield login

    async def _repositories(self, owner: str) -> AsyncIterator[Repository]:
        asked = {
            "org": owner,
            "catalogPathRef": self._file,
            "repositoriesPageSize": self._settings.page,
        }
        pages = self._graphql(owner).pages(queries.REPOSITORIES, asked, _repositories_of)
        async for nodes in pages:
            for node in nodes:
                yield Repository.of_query(node, owner)

    async def _tell_files(self, wanted: Sequence[Repository]) -> Sequence[str]:
        """Tell which catalog files there are, until the next reading but one; return those that have changed."""
        period = self._settings.schedule.seconds_from(datetime.now().astimezone())
        if period is None or "*" in self._wanted.path:
            return ()
        seen = [(self._wanted.target(one), one.text) for one in wanted if one.text or not one.has_file]
        return await self._files.tell(seen, 2 * period + (self._settings.schedule.timeout or 0))

    def _graphql(self, owner: str) -> GithubGraphql:
        return GithubGraphql(self._http, self._hosts.credentials, self._integration, owner)

    @property
    def _file(self) -> str:
        return f"{self._settings.branch or 'HEAD'}:{self._wanted.path}"

    @property
    def _to(self) -> ProviderConnection:
        if self._connection is None:
            raise ForeignError(f"The provider {self.name} is not connected")
        return self._connection

    def _is_wanted(self, repository: Repository) -> bool:
        return self._wanted.has(repository) and (repository.has_file or not self._settings.validates)

    async def _is_ours(self, told: JsonObject, *logins: str | None) -> bool:
        """Return whether an event is about one of our organisations, on our host."""
        url = named(told, "repository", "html_url") or ""
        if not url.startswith(f"https://{self._settings.host}/") and not url.startswith(
            f"http://{self._settings.host}/"
        ):
            return False
        known = {login.lower() async for login in self._owners()}
        return any(login and login.lower() in known for login in logins)

    async def _pushed(self, told: JsonObject) -> None:
        if not await self._is_ours(
            told, named(told, "organization", "login"), named(told, "repository", "owner", "login")
        ):
            return
        repository = Repository.of_event(told["repository"])
        branch = self._wanted.branch(repository)
        if told.get("ref") != f"refs/heads/{branch}" or not self._wanted.has(repository):
            return
        pushed = Pushed.of(told, self._wanted.path)
        if not pushed.paths and pushed.is_whole:
            return
        has_one = "*" not in self._wanted.path
        await self._files.forget([self._wanted.target(repository)])
        if has_one and pushed.removed:
            await self._to.apply_delta(removed=[self._wanted.ref(repository)], location_key=self.name)
        elif has_one and pushed.added:
            await self._to.apply_delta(added=[self._wanted.location(repository)], location_key=self.name)
        await self._to.refresh(_refresh_keys(repository, branch, sorted({*pushed.paths, self._wanted.path})))

    async def _changed(self, told: JsonObject) -> None:
        """Follow a change of a repository itself: what it was goes, and what it is now comes if it is wanted."""
        before = _owner_before(told)
        if not await self._is_ours(told, named(told, "repository", "owner", "login"), before):
            return
        now = Repository.of_event(told["repository"])
        await self._files.forget([self._wanted.target(now)])
        gone = {self._wanted.ref(one) for one in _earlier(now, told, before)}
        known = {login.lower() async for login in self._owners()}
        is_ours = now.owner.lower() in known and told.get("action") != "deleted"
        if is_ours and self._wanted.has(now) and await self._has_file(now):
            ref = self._wanted.ref(now)
            await self._to.apply_delta(
                added=[self._wanted.location(now)], removed=sorted(gone - {ref}), location_key=self.name
            )
        else:
            await self._to.apply_delta(removed=sorted({*gone, self._wanted.ref(now)}), location_key=self.name)

    async def _has_file(self, repository: Repository) -> bool:
        if not self._settings.validates:
            return True
        asked = {"org": repository.owner, "repoName": repository.name, "catalogPathRef": self._file}
        data = await self._graphql(repository.owner).ask(queries.REPOSITORY, asked)
        node = (data.get("repositoryOwner") or {}).get("repository")
        return node is not None and Repository.of_query(node, repository.owner).has_file


def _repositories_of(data: JsonObject) -> Json:
    return (data.get("repositoryOwner") or {}).get("repositories")


def _refresh_keys(repository: Repository, branch: str, paths: Sequence[str]) -> list[str]:
    """Return what entities may be known to be made from, in both forms that URLs of files have."""
    return [f"url:{repository.url}/{kind}/{branch}/{path}" for path in paths for kind in ("blob", "tree")]


def _owner_before(told: JsonObject) -> str | None:
    moved = ("changes", "owner", "from")
    return named(told, *moved, "organization", "login") or named(told, *moved, "user", "login")


def _earlier(now: Repository, told: JsonObject, owner: str | None) -> list[Repository]:
    """Return the repository as it was before a change: under its name, owner and default branch of then."""
    found = []
    if name := named(told, "changes", "repository", "name", "from"):
        found.append(now.called(name))
    if owner:
        found.append(now.of_owner(owner))
    if branch := named(told, "changes", "default_branch", "from"):
        found.append(replace(now, default_branch=branch))
    return found
