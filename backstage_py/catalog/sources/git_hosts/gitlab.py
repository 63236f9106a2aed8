"""The provider of ``catalog.providers.gitlab``: a location for each project with a catalog file.

Source: ``GitlabDiscoveryEntityProvider`` of Backstage's module. A project whose file cannot be looked for makes the
reading fail, where that module leaves it out.
"""

import posixpath
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from backstage_py.catalog.sources.git_hosts import api
from backstage_py.catalog.sources.git_hosts.discovery import listed, location, named, part
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.catalog.sources.together import together
from backstage_py.integrations import paging
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model import web_url
from backstage_py.model.json import JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.settings.sections.git_providers import GitlabSettings

_PAGE = 50
_WHOLE = ("gitlab.project_destroy", "gitlab.project_rename", "gitlab.project_transfer")
"""System hooks after which all is read again."""
_FRESH_SECONDS = 10.0
_MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """A project that has the file, as it was some seconds ago."""

    project: JsonObject
    at: float


class Gitlab:
    """The API of a GitLab, as both of its providers ask it."""

    def __init__(self, host: api.HostApi) -> None:
        self.host = host
        self.base = host.integration.site
        self.root = (host.integration.api_base_url or f"{self.base}/api/v4").rstrip("/")

    async def pages(self, path: str, query: api.Query) -> AsyncIterator[JsonObject]:
        """Yield the entries of a list, page after page."""
        page, found, total = "1", 0, None
        pages = paging.Pages(f"{self.root}{path}")
        while page:
            answer = pages.counted(await self.host.read(pages.url, {**query, "page": page}))
            several = paging.objects(answer.json(), pages.url)
            found, total = found + len(several), answer.headers.get("x-total")
            for one in several:
                yield one
            page = answer.headers.get("x-next-page", "")
        pages.check_total(total, found)

    async def one(self, path: str) -> JsonObject:
        """Return a single object."""
        found: JsonObject = (await self.host.read(f"{self.root}{path}")).json()
        return found


class GitlabProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.
        clock: in seconds.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = ("gitlab.push", *_WHOLE)

    def __init__(
        self,
        settings: GitlabSettings,
        http: HttpClient,
        hosts: ScmRegistry,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(f"GitlabDiscoveryEntityProvider:{settings.id}", settings.schedule)
        self._settings = settings
        self._gitlab = Gitlab(api.of_host(http, hosts, "gitlab", settings.host))
        self._project_fits = part(settings.projects)
        self._groups = [part(one) for one in settings.groups]
        self._clock = clock
        self._kept: dict[int, _Kept] = {}

    async def found(self) -> Sequence[JsonObject]:
        """Return the locations of all projects that the filters let in and that have the file."""
        if self._settings.searches:
            return [one async for one in self._searched()]
        every = [one async for one in self._projects()]
        must_show(self._settings.host, "projects", every)
        projects = {one["id"]: one for one in every if self._is_wanted(one)}
        has = await together(self._has_file, projects.values())
        return [self._location(one) for one, is_there in zip(projects.values(), has, strict=True) if is_there]

    async def _projects(self) -> AsyncIterator[JsonObject]:
        groups = [self._settings.group]
        if self._groups:
            every = self._gitlab.pages("/groups", {"per_page": _PAGE})
            groups = [path async for one in every if any(fits(path := one["full_path"]) for fits in self._groups)]
        asked = self._settings
        query: api.Query = {
            "per_page": _PAGE,
            "archived": None if asked.has_archived else False,
            "membership": asked.is_member or None,
            "topic": ",".join(asked.topics),
            "simple": None if asked.skips_forks else True,  # what is simple does not say that it is a fork
        }
        for group in dict.fromkeys(groups):
            of_group: api.Query = {**query, "group": group, "include_subgroups": True} if group else query
            path = f"/groups/{web_url.segment(group)}/projects" if group else "/projects"
            async for project in self._gitlab.pages(path, of_group):
                yield project

    async def _searched(self) -> AsyncIterator[JsonObject]:
        group = self._settings.group
        query: api.Query = {
            "group": group,
            "search": f"filename:{self._settings.file}",
            "per_page": _PAGE,
            "scope": "blobs",
        }
        files = [one async for one in self._gitlab.pages(f"/groups/{web_url.segment(group)}/search", query)]
        must_show(self._settings.host, f"files called {self._settings.file}", files)
        for file in files:
            project = await self._gitlab.one(f"/projects/{file['project_id']}")
            path = project["path_with_namespace"]
            if self._is_wanted(project) and (not self._groups or any(fits(path) for fits in self._groups)):
                yield location(f"{project['web_url']}/-/blob/{file['ref']}/{file['path']}", "optional")

    def _is_wanted(self, project: JsonObject) -> bool:
        asked, path = self._settings, project.get("path_with_namespace") or ""
        return (
            self._project_fits(path)
            and (not asked.group or path.startswith(f"{asked.group}/"))
            and not (asked.skips_forks and "forked_from_project" in project)
            and path not in asked.excluded
        )

    async def _has_file(self, project: JsonObject) -> bool:
        file = web_url.segment(self._settings.file)
        url = f"{self._gitlab.root}/projects/{project['id']}/repository/files/{file}"
        return await self._gitlab.host.has(url, {"ref": self._branch(project)})

    def _branch(self, project: JsonObject) -> str:
        return self._settings.branch or project.get("default_branch") or self._settings.fallback_branch

    def _location(self, project: JsonObject, path: str | None = None) -> JsonObject:
        return location(self._url(project, path or self._settings.file), "optional")

    def _url(self, project: JsonObject, path: str) -> str:
        return f"{project['web_url']}/-/blob/{self._branch(project)}/{path}"

    async def hear(self, event: Event) -> None:
        """Follow a push, and read all again when a project is gone or called otherwise."""
        if event.topic in _WHOLE:
            await self.read()
            return
        told = event.payload
        if not named(told, "project", "web_url").startswith(f"{self._gitlab.base}/"):
            return
        changed = {kind: self._files(told, kind) for kind in ("added", "removed", "modified")}
        is_whole = int(named(told, "total_commits_count") or 0) <= len(listed(told, "commits"))
        if (is_whole and not any(changed.values())) or not self._may_concern(told):
            return
        project, is_there = await self._pushed_to(int(told["project_id"]), named(told, "ref"))
        if project is None:
            return
        gone = [self._location(project, one) for one in changed["removed"]]
        added = [self._location(project, one) for one in changed["added"]]
        if not is_whole:  # it tells of some commits only
            (added if is_there else gone).append(self._location(project))
            changed["modified"].append(self._settings.file)
        await self.change(added if is_there else [], gone)
        await self.refresh(*(self._url(project, one) for one in changed["modified"]))

    def _may_concern(self, told: JsonObject) -> bool:
        """Return False when a push itself says that it was to another branch than the one that is read."""
        branch = self._settings.branch or named(told, "project", "default_branch")
        return not branch or self._is_to(branch, named(told, "ref"))

    async def _pushed_to(self, number: int, ref: str) -> tuple[JsonObject | None, bool]:
        """Return the project of a push and whether it has the file; no project when the push is nothing to us.

        What is told may be forged, so GitLab is asked. Hundreds of pushes to one project in a row ask once: an answer
        that is a moment old is used as long as it says that the file is there.
        """
        kept = self._kept.get(number)
        if kept and self._clock() - kept.at < _FRESH_SECONDS and self._is_to(self._branch(kept.project), ref):
            return kept.project, True
        self._kept.pop(number, None)
        at, project = self._clock(), await self._gitlab.one(f"/projects/{number}")
        if not self._is_wanted(project) or not self._is_to(self._branch(project), ref):
            return None, False
        is_there = await self._has_file(project)
        if is_there:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[number] = _Kept(project, at)
        return project, is_there

    @staticmethod
    def _is_to(branch: str, ref: str) -> bool:
        return ref == f"refs/heads/{branch}"

    def _files(self, told: JsonObject, kind: str) -> list[str]:
        every = [str(path) for one in listed(told, "commits") for path in listed(one, kind)]
        wanted = self._settings.file
        return [path for path in every if wanted in {path, posixpath.basename(path)}]
