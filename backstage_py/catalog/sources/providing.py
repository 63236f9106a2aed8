"""What makes the providers that this service has itself of their settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from backstage_py.catalog.organisations import ldap_org, microsoft_graph_org
from backstage_py.catalog.sources.git_hosts.azure_devops import AzureDevOpsProvider
from backstage_py.catalog.sources.git_hosts.bitbucket_cloud import BitbucketCloudProvider
from backstage_py.catalog.sources.git_hosts.bitbucket_server import BitbucketServerProvider
from backstage_py.catalog.sources.git_hosts.gerrit import GerritProvider
from backstage_py.catalog.sources.git_hosts.gitea import GiteaProvider
from backstage_py.catalog.sources.git_hosts.gitlab import GitlabProvider
from backstage_py.catalog.sources.git_hosts.gitlab_org import GitlabOrgProvider
from backstage_py.catalog.sources.github.discovery import GithubProvider
from backstage_py.catalog.sources.github.organisations import GithubOrgProvider
from backstage_py.catalog.sources.known_files import KnownFiles
from backstage_py.catalog.sources.scheduled import Directory
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.plugin.catalog import EntityProvider
from backstage_py.plugin.organisations import OrganisationTransformer, Transformers
from backstage_py.settings.sections.directories import LdapOrg, MicrosoftGraphOrg
from backstage_py.settings.sections.git_providers import (
    AzureDevOpsSettings,
    BitbucketCloudSettings,
    BitbucketServerSettings,
    GerritSettings,
    GiteaSettings,
    GitlabSettings,
)
from backstage_py.settings.sections.github_providers import GithubOrgSettings, GithubSettings
from backstage_py.storage.catalog.reads import ReadStore
from backstage_py.storage.database import Database

_OF_REPOSITORIES: Mapping[type, Callable[[Any, HttpClient, ScmRegistry], EntityProvider]] = {
    AzureDevOpsSettings: AzureDevOpsProvider,
    BitbucketCloudSettings: BitbucketCloudProvider,
    BitbucketServerSettings: BitbucketServerProvider,
    GerritSettings: GerritProvider,
    GiteaSettings: GiteaProvider,
    GitlabSettings: GitlabProvider,
}


def providers(
    asked: Sequence[Any],
    http: HttpClient,
    hosts: ScmRegistry,
    database: Database,
    transformers: Sequence[OrganisationTransformer] = (),
) -> Iterator[EntityProvider]:
    """Yield a provider for each of the settings; see ``configured.providers``."""
    files = KnownFiles(ReadStore(database))
    is_alone = sum(isinstance(one, GithubOrgSettings) for one in asked) == 1
    for one in asked:
        match one:
            case GithubSettings():
                yield GithubProvider(one, http, hosts, files)
            case GithubOrgSettings():
                yield GithubOrgProvider(one, http, hosts, is_alone=is_alone, changes=transformers)
            case LdapOrg():
                yield _ldap(one, Transformers(transformers, "ldapOrg", one.id))
            case MicrosoftGraphOrg():
                yield _microsoft_graph(one, Transformers(transformers, "microsoftGraphOrg", one.id))
            case _:
                yield _OF_REPOSITORIES[type(one)](one, http, hosts)
        if isinstance(one, GitlabSettings) and one.is_org:
            yield GitlabOrgProvider(one, http, hosts, Transformers(transformers, "gitlab", one.id))


def _ldap(asked: LdapOrg, changes: Transformers) -> EntityProvider:
    read = partial(ldap_org.read, asked.id, asked, changes)
    return Directory(f"LdapOrgEntityProvider:{asked.id}", asked.schedule, f"ldap-org-provider:{asked.id}", read)


def _microsoft_graph(asked: MicrosoftGraphOrg, changes: Transformers) -> EntityProvider:
    read = partial(microsoft_graph_org.read, asked.id, asked, changes)
    name = f"MicrosoftGraphOrgEntityProvider:{asked.id}"
    return Directory(name, asked.schedule, f"msgraph-org-provider:{asked.id}", read)
