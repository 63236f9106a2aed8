"""The providers that ``catalog.providers`` asks for and this service has itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backstage_py.catalog.sources.github.discovery import GithubProvider
from backstage_py.catalog.sources.known_files import KnownFiles
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.plugin.catalog import EntityProvider
from backstage_py.settings.sections.github_providers import GithubSettings
from backstage_py.storage.catalog.reads import ReadStore
from backstage_py.storage.database import Database

_MAKERS: Mapping[type, Callable[[Any, HttpClient, ScmRegistry, KnownFiles], EntityProvider]] = {
    GithubSettings: GithubProvider
}


def providers(asked: Sequence[Any], http: HttpClient, hosts: ScmRegistry, database: Database) -> list[EntityProvider]:
    """Return a provider for each of ``CatalogSettings.providers``.

    Raises:
        SettingsError: one of them cannot be used.
    """
    files = KnownFiles(ReadStore(database))
    return [_MAKERS[type(one)](one, http, hosts, files) for one in asked]
