"""The providers that ``catalog.providers`` asks for and this service has itself."""

from collections.abc import Iterator, Sequence
from typing import Any

from backstage_py.catalog.sources.kept_answers import KeptAnswers
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.plugin.catalog import EntityProvider
from backstage_py.plugin.organisations import OrganisationTransformer
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
    http.keeper = KeptAnswers(ReadStore(database))
    if asked:
        from backstage_py.catalog.sources import providing  # all kinds there are, for whoever has one

        yield from providing.providers(asked, http, hosts, database, transformers)
