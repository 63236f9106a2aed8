"""The git hosts that are configured, and those that Backstage knows without configuration."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from backstage_py.errors import SettingsError
from backstage_py.integrations import gerrit
from backstage_py.integrations.hosts.credentials import Credentials
from backstage_py.model import web_url
from backstage_py.model.scm import ScmIntegration

_PRESETS = (
    ScmIntegration(
        "github",
        "github.com",
        "github.com",
        "https://api.github.com",
        "https://raw.githubusercontent.com",
        None,
        {},
    ),
    ScmIntegration("gitlab", "gitlab.com", "gitlab.com", "https://gitlab.com/api/v4", None, None, {}),
    ScmIntegration("azure", "dev.azure.com", "dev.azure.com", None, None, None, {}),
    ScmIntegration("bitbucketCloud", "bitbucket.org", "bitbucket.org", "https://api.bitbucket.org/2.0", None, None, {}),
)


class ScmRegistry:
    """The hosts by name and URL; a host is written as in URLs, with its port if it has one.

    The order is that of the configuration, followed by the public hosts that are not configured.
    """

    def __init__(self, integrations: Iterable[ScmIntegration] = ()) -> None:
        configured = tuple(integrations)
        known = {integration.host.lower() for integration in configured}
        self._all = configured + tuple(preset for preset in _PRESETS if preset.host not in known)
        self.credentials = Credentials()
        self._by_host = {integration.host.lower(): integration for integration in reversed(self._all)}
        self._by_files_host = {gerrit.files_host(one): one for one in reversed(self._all) if one.type == "gerrit"}

    def by_host(self, host: str) -> ScmIntegration | None:
        """Return the integration of a host."""
        return self._by_host.get(host.lower())

    def of_kind(self, kind: str, host: str, key: str, written: str | None = None) -> ScmIntegration:
        """Return the integration of a host, for what ``key`` of the configuration asks for.

        Args:
            kind: of the integration, such as ``github``.
            host: as for ``by_host``.
            key: dotted; for the message.
            written: the host as it stands there, if in other words.

        Raises:
            SettingsError: ``integrations`` has no such host of that kind.
        """
        integration = self.by_host(host)
        if integration is None or integration.type != kind:
            raise SettingsError(key, f"expected a host of integrations.{kind}, found '{written or host}'")
        return integration

    def by_url(self, url: str) -> ScmIntegration | None:
        """Return the integration that serves a URL, for Gerrit also its Gitiles; None also for text that is no URL."""
        try:
            host = urlsplit(web_url.canonical(url)).netloc.rpartition("@")[2].lower()
        except ValueError:
            return None
        return self._by_host.get(host) or self._by_files_host.get(host)

    def all(self) -> Sequence[ScmIntegration]:
        """Return all, the configured ones first."""
        return self._all

    async def token(self, host: str, owner: str | None = None) -> str | None:
        """Return a token for repositories of ``owner``, of a GitHub App if the host has one."""
        integration = self.by_host(host)
        return await self.credentials.token(integration, owner) if integration else None

    def authorities(self) -> Iterable[str]:
        """Yield each host that an integration may contact: itself, its API and its raw files."""
        for integration in self._all:
            yield integration.host
            named = (integration.options.get(name) for name in ("baseUrl", "cloneUrl", "gitilesBaseUrl"))
            for base in (integration.api_base_url, integration.raw_base_url, *named):
                if base:
                    yield urlsplit(str(base)).netloc
