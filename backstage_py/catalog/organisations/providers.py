"""The providers of directories that are configured."""

from collections.abc import Iterator, Sequence
from functools import partial

from backstage_py.catalog.organisations import ldap_org, microsoft_graph_org
from backstage_py.catalog.sources.scheduled import Scheduled
from backstage_py.plugin.organisations import OrganisationTransformer, Transformers
from backstage_py.settings.sections import CatalogSettings


def configured(settings: CatalogSettings, transformers: Sequence[OrganisationTransformer]) -> Iterator[Scheduled]:
    """Yield one for each directory."""
    for name, ldap in settings.ldap_orgs.items():
        changes = Transformers(transformers, "ldapOrg", name)
        read = partial(ldap_org.read, name, ldap, changes)
        yield Scheduled(f"LdapOrgEntityProvider:{name}", f"ldap-org-provider:{name}", ldap.schedule, read)
    for name, graph in settings.microsoft_graph_orgs.items():
        changes = Transformers(transformers, "microsoftGraphOrg", name)
        read = partial(microsoft_graph_org.read, name, graph, changes)
        key = f"msgraph-org-provider:{name}"
        yield Scheduled(f"MicrosoftGraphOrgEntityProvider:{name}", key, graph.schedule, read)
