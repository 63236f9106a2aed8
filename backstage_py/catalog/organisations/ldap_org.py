"""The provider ``catalog.providers.ldapOrg``: the users and groups of an LDAP server."""

from collections.abc import Callable

from backstage_py import threads
from backstage_py.catalog.organisations import ldap, ldap_relations
from backstage_py.catalog.organisations.ldap import Entry, Vendor
from backstage_py.errors import ForeignError
from backstage_py.integrations.directories import ldap as servers
from backstage_py.integrations.directories.ldap import LdapAnswers
from backstage_py.model.json import JsonObject
from backstage_py.plugin.organisations import Transformers
from backstage_py.settings.sections.directories import LdapOrg, LdapSearch


def entities(provider: str, org: LdapOrg, answers: LdapAnswers, transformers: Transformers) -> list[JsonObject]:
    """Return users and groups with their relations.

    Raises:
        InputError: an entry has no name.
    """
    names = ldap.vendor(answers.root, org)
    people = zip(org.users, answers.users, strict=True)
    teams = zip(org.groups, answers.groups, strict=True)
    users = ldap_relations.read(people, _through(ldap.user, transformers.user), names)
    groups = ldap_relations.read(teams, _through(ldap.group, transformers.group), names)
    ldap_relations.relate(users, groups)
    return [ldap.located(provider, one) for one in (*users.entities, *groups.entities)]


def _through(
    make: Callable[[Entry, LdapSearch, Vendor], JsonObject],
    transform: Callable[[JsonObject, JsonObject], JsonObject | None],
) -> Callable[[Entry, LdapSearch, Vendor], JsonObject | None]:
    def made(entry: Entry, wanted: LdapSearch, names: Vendor) -> JsonObject | None:
        return transform(make(entry, wanted, names), entry.texts())

    return made


async def read(provider: str, org: LdapOrg, transformers: Transformers) -> list[JsonObject]:
    """Return what the server has now.

    Raises:
        ForeignError: it has nothing at all. What reading raises, see ``integrations.directories.ldap``.
    """
    answers = await servers.read(org)
    found = await threads.offload(entities, provider, org, answers, transformers)
    if not found:
        raise ForeignError(f"{org.target} shows neither users nor groups; whom it showed before stay")
    return found
