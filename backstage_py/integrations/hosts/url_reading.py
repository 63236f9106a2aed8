"""Reading files and trees by URL: the git hosts of ``integrations``, and what ``backend.reading.allow`` lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from backstage_py import threads
from backstage_py.errors import NotAllowedError, NotImplementedInBackendError
from backstage_py.integrations.hosts import reading_rules, repositories, scm_url
from backstage_py.integrations.hosts.azure import AzureHost
from backstage_py.integrations.hosts.bitbucket import BitbucketCloudHost, BitbucketServerHost
from backstage_py.integrations.hosts.gerrit import GerritHost
from backstage_py.integrations.hosts.gitea import GiteaHost
from backstage_py.integrations.hosts.github import GithubHost
from backstage_py.integrations.hosts.gitlab import GitlabHost
from backstage_py.integrations.hosts.host import Host, Site
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient, Listed, listed_hosts, raise_for
from backstage_py.model import web_url
from backstage_py.model.http import UrlContent
from backstage_py.settings.sections import ReadingRule

_HOSTS: dict[str, Host] = {
    "github": GithubHost(),
    "gitlab": GitlabHost(),
    "gitea": GiteaHost(),
    "gerrit": GerritHost(),
    "bitbucketCloud": BitbucketCloudHost(),
    "bitbucketServer": BitbucketServerHost(),
    "azure": AzureHost(),
}


@dataclass(frozen=True, slots=True)
class UrlReading:
    """Implements ``backstage_py.plugin.services.UrlReader``.

    A configured git host is read through its API, any other URL only when a rule allows it, which is asked again at
    each redirect. ``file:`` URLs are never read here.
    """

    http: HttpClient
    registry: ScmRegistry
    rules: Sequence[ReadingRule] = ()

    async def read(self, url: str, *, etag: str | None = None, token: str | None = None) -> UrlContent | None:
        """Return a file; see ``UrlReader``."""
        url = _canonical(url)
        chosen = self._host(url, token)
        if chosen:
            host, site = chosen
            return await host.read(url, site, etag=etag)
        return await self._read_allowed(url, etag, token)

    async def read_tree(
        self, url: str, target: Path, *, etag: str | None = None, token: str | None = None
    ) -> str | None:
        """Write a folder into ``target``; see ``UrlReader``.

        Raises:
            NotImplementedInBackendError: the URL is allowed, but is not one of a git host.
        """
        url = _canonical(url)
        chosen = self._host(url, token)
        if not chosen:
            self._refuse(url)
            raise NotImplementedInBackendError(
                f"Only single files can be read from {url}; folders are read from the git hosts of 'integrations'"
            )
        await threads.file_work(target.mkdir, parents=True, exist_ok=True)
        host, site = chosen
        return await host.read_tree(url, site, target, etag=etag)

    def resolve(self, url: str, base: str) -> str:
        """Return ``url`` as seen from ``base``; see ``scm_url.resolve``.

        Raises:
            NotAllowedError: it leads out of the repository, or out of the path that ``backend.reading.allow`` names.
        """
        integration = self.registry.by_url(base)
        resolved = scm_url.resolve(url, base, integration)
        if integration is None and not scm_url.is_absolute(url) and not self.same_repository(resolved, base):
            raise NotAllowedError(f"The URL '{url}' leads out of what may be read beside {base}")
        return resolved

    def same_repository(self, url: str, base: str) -> bool:
        """Say whether two files are of one repository; see ``repositories.same``."""
        return repositories.same(url, base, self.registry, self.rules)

    def _host(self, url: str, token: str | None) -> tuple[Host, Site] | None:
        integration = self.registry.by_url(url)
        host = _HOSTS.get(integration.type) if integration else None
        if integration is None or host is None:
            return None
        return host, Site(self.http, self.registry.credentials, integration, token)

    async def _read_allowed(self, url: str, etag: str | None, token: str | None) -> UrlContent | None:
        self._refuse(url)
        headers = {"If-None-Match": etag} if etag else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.http.get(url, headers=headers, guard=self._refuse_redirect)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return None
        raise_for(answer, f"could not read {answer.url}, {answer.status} {answer.reason}")
        return UrlContent(answer.body, answer.headers.get("etag"))

    def _refuse(self, url: str) -> None:
        if not reading_rules.is_allowed(url, self.rules):
            raise NotAllowedError(
                f"Reading from '{url}' is not allowed. You may need to configure an integration for the target host, "
                "or add it to the configured list of allowed hosts at 'backend.reading.allow'"
            )

    def _refuse_redirect(self, url: str) -> None:
        if not reading_rules.is_allowed(url, self.rules):
            raise NotAllowedError(f"URL not allowed by backend.reading.allow configuration: {url}")


def _canonical(url: str) -> str:
    try:
        return web_url.canonical(url)
    except ValueError as error:
        raise NotAllowedError(f"Reading from '{url}' is not allowed: it is no URL") from error


def listed(registry: ScmRegistry, rules: Iterable[ReadingRule], others: Iterable[str] = ()) -> Listed:
    """Return the test for ``HttpClient.listed``: hosts of integrations, of rules, and ``others``, ports included."""
    return listed_hosts([*registry.authorities(), *(rule.host for rule in rules), *others])
