"""What becomes of the people and teams of a directory, where a plugin has its say."""

from collections.abc import Sequence

from backstage_py.model.json import JsonObject


class OrganisationTransformer:
    """Changes the users and groups that a provider makes of a directory. Override what is needed.

    Methods run in a thread and wait for nothing. They get the entity as the provider made it, which they may change,
    and what the directory has: for LDAP ``dn`` and lists of texts by the names of attributes in lower case, else the
    object of its API. None leaves somebody out.

    Attributes:
        providers: whose entities: kinds such as ``ldapOrg``, single ones such as ``ldapOrg.default``; all when empty.
    """

    providers: tuple[str, ...] = ()

    def user(self, user: JsonObject, record: JsonObject) -> JsonObject | None:
        """Return what becomes of a person."""
        del record
        return user

    def group(self, group: JsonObject, record: JsonObject) -> JsonObject | None:
        """Return what becomes of a team."""
        del record
        return group

    def organisation(self, group: JsonObject, record: JsonObject) -> JsonObject | None:
        """Return what becomes of the organisation itself, where the directory has one above all groups."""
        del record
        return group


class Transformers(OrganisationTransformer):
    """Those of one provider, one after the other.

    Args:
        found: of all providers.
        kind: such as ``ldapOrg``.
        name: of the provider, such as ``default``.
    """

    def __init__(self, found: Sequence[OrganisationTransformer] = (), kind: str = "", name: str = "") -> None:
        own = {kind, f"{kind}.{name}"}
        self._found = [one for one in found if not one.providers or own & {*one.providers}]

    def user(self, user: JsonObject, record: JsonObject) -> JsonObject | None:
        """Return what becomes of a person."""
        made: JsonObject | None = user
        for one in self._found:
            made = one.user(made, record) if made is not None else None
        return made

    def group(self, group: JsonObject, record: JsonObject) -> JsonObject | None:
        """Return what becomes of a team."""
        made: JsonObject | None = group
        for one in self._found:
            made = one.group(made, record) if made is not None else None
        return made

    def organisation(self, group: JsonObject, record: JsonObject) -> JsonObject | None:
        """Return what becomes of the organisation."""
        made: JsonObject | None = group
        for one in self._found:
            made = one.organisation(made, record) if made is not None else None
        return made
