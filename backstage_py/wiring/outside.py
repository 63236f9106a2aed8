"""The way out of a process: one HTTP client for all, the git hosts, and the services that actions get of them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.hosts.url_reading import UrlReading, listed
from backstage_py.integrations.vault.references import VaultReferences
from backstage_py.integrations.web.http import HttpClient
from backstage_py.plugin import Plugins, Services
from backstage_py.settings.sections import Settings
from backstage_py.wiring.stand_in import StandIn


@dataclass(frozen=True, slots=True)
class Outside:
    """What is open as long as ``opened`` is."""

    settings: Settings
    http: HttpClient
    hosts: ScmRegistry

    def services(self, plugins: Plugins | None = None) -> Services:
        """Return what actions may use wherever they run; callers add a catalog and a Backstage."""
        services = Services(
            url_reader=UrlReading(self.http, self.hosts, self.settings.backend.reading),
            integrations=self.hosts,
            config=self.settings.raw,
            secret_references=VaultReferences(self.settings.raw),
        )
        if plugins is None:
            return services
        return replace(
            services,
            filters=plugins.filters,
            globals=plugins.globals,
            global_descriptions=plugins.descriptions,
        )


@asynccontextmanager
async def opened(
    settings: Settings, stand_ins: Sequence[StandIn] = (), plugin_hosts: Iterable[str] = ()
) -> AsyncIterator[Outside]:
    """Open the HTTP client until the block is left.

    Args:
        settings: for ``integrations``, ``backend.reading`` and what actions see of the configuration.
        stand_ins: in the place of foreign systems.
        plugin_hosts: hosts of a Backstage, with their ports, which may have private addresses.
    """
    hosts = ScmRegistry((*(host for one in stand_ins for host in one.hosts), *settings.integrations))
    configured = listed(hosts, settings.backend.reading, plugin_hosts)

    def is_listed(host: str, port: int | None) -> bool:
        return configured(host, port) or any(one.listed(host, port) for one in stand_ins)

    async with HttpClient(is_listed) as http:
        yield Outside(settings, http, hosts)
