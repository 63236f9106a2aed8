"""The providers that ``catalog.providers`` asks for and this service has itself."""

from collections.abc import Iterator, Sequence
from typing import Any

from backstage_py.catalog.sources.github.discovery import GithubProvider
from backstage_py.catalog.sources.github.organisations import GithubOrgProvider
from backstage_py.catalog.sources.known_files import KnownFiles
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.plugin.catalog import EntityProvider
from backstage_py.plugin.organisations import OrganisationTransformer
from backstage_py.settings.sections.github_providers import GithubOrgSettings, GithubSettings
from backstage_py.storage.catalog.reads import ReadStore
from backstage_py.storage.database import Database


def providers(
    asked: Sequence[Any],
    http: HttpClient,
    hosts: ScmRegistry,
    database: Database,
    transformers: Sequence[OrganisationTransformer] = (),
) -> Iterator[EntityProvider]:
    """Yield a provider for each of ``CatalogSettings.providers``; ``transformers`` are those of plugins.

    Raises:
        SettingsError: one of them cannot be used.
    """
    files = KnownFiles(ReadStore(database))
    is_alone = sum(isinstance(one, GithubOrgSettings) for one in asked) == 1
    for one in asked:
        match one:
            case GithubSettings():
                yield GithubProvider(one, http, hosts, files)
            case GithubOrgSettings():
                yield GithubOrgProvider(one, http, hosts, is_alone=is_alone, changes=transformers)
