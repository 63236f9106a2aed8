"""``catalog.providers.ldapOrg`` and ``microsoftGraphOrg``: directories whose people and teams become entities.

The keys are those of ``@backstage/plugin-catalog-backend-module-ldap`` and ``-msgraph``; what they mean there holds
here, but for those marked (ours).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from backstage_py.model.json import Json
from backstage_py.settings import kinds
from backstage_py.settings.description import Each, Key, Section, key
from backstage_py.settings.kinds import Kind
from backstage_py.settings.reading import Reader
from backstage_py.settings.schedules import SCHEDULE, Schedule

_PAGE = 100
MISSING = "is missing; expected an object with frequency and timeout"


def _ldap_url(value: Json) -> str:
    text = kinds.TEXT.parse(value).rstrip("/")
    if urlsplit(text).scheme not in {"ldap", "ldaps"} or not urlsplit(text).hostname:
        raise ValueError(f"expected a URL such as 'ldaps://ds.example.net', found '{text}'")
    return text


def _paged(value: Json) -> int | None:
    """Return the entries of a page; None for one answer with all."""
    if isinstance(value, dict):
        return kinds.whole(least=1).parse(value.get("pageSize", _PAGE))
    return _PAGE if kinds.SWITCH.parse(value) else None


def _filter(value: Json) -> str:
    """A filter may be laid out over lines, as YAML invites to."""
    return re.sub(r"\s*([()])", r"\1", kinds.TEXT.parse(value)).strip()


_PAGED: Kind[int | None] = Kind(
    _paged,
    {
        "anyOf": [
            kinds.SWITCH.schema,
            {
                "type": "object",
                "properties": {"pageSize": {"type": ["integer", "string"]}, "pagePause": {"type": "boolean"}},
            },
        ]
    },
)


_LDAP_URL = Kind(_ldap_url, kinds.TEXT_SCHEMA)
_USERS = {"rdn": "uid", "name": "uid", "displayName": "cn", "email": "mail", "memberOf": "memberOf"}
_GROUPS = {
    "rdn": "cn",
    "name": "cn",
    "description": "description",
    "displayName": "cn",
    "type": "groupType",
    "memberOf": "memberOf",
    "members": "member",
}
_MAPPED = ("rdn", "name", "description", "displayName", "email", "picture", "memberOf")
_SECRET_ONLY = "expected text; managed identities of Azure are not known here"  # noqa: S105  # words


def _names(defaults: Mapping[str, str]) -> Kind[Mapping[str, str]]:
    """Return the kind of names of attributes; null is the default one, as in Backstage."""
    known = (*_MAPPED, *(one for one in ("type", "members") if one in defaults))

    def parse(value: Json) -> Mapping[str, str]:
        found = dict(defaults)
        for name, one in kinds.OBJECT.parse(value).items():
            if name in known and one is not None:
                found[name] = kinds.TEXT.parse(one)
        return found

    return Kind(parse, {"type": "object", "properties": {name: {"type": ["string", "null"]} for name in known}})


@dataclass(frozen=True, slots=True)
class LdapBind:
    """Who asks."""

    dn: str = key("dn", kinds.TEXT, "The DN to sign in as.", example="uid=robot,ou=robots,dc=example,dc=net")
    secret: str = key("secret", kinds.TEXT, "Its password.", missing="is missing; expected text", is_shown=False)


@dataclass(frozen=True, slots=True)
class LdapTls:
    """How the connection of ``ldaps`` is checked; files are in PEM."""

    is_checked: bool = key("rejectUnauthorized", kinds.SWITCH, "Check the server's certificate; the default.", True)
    keys: str | None = key("keys", kinds.TEXT, "File with the client's key.", None)
    certs: str | None = key("certs", kinds.TEXT, "File with the client's certificate.", None)
    ca: str | None = key("ca", kinds.TEXT, "(ours) File with the authorities that are trusted.", None)


@dataclass(frozen=True, slots=True)
class LdapSearch:
    """``users``: what is searched for below ``dn``, and which attributes become what.

    Attributes:
        page: entries of a page; None for one answer with all.
        set: values by paths of the entity such as ``metadata.customField``.
        map: names of attributes by what they become.
    """

    also: ClassVar = (Key("options.returnAttributeValues", without_effect="Backstage does not read it either"),)

    dn: str = key("dn", kinds.TEXT, "Where they are stored.", example="ou=people,dc=example,dc=net")
    scope: str = key("options.scope", kinds.choice("base", "one", "sub"), "`one` by default.", "one")
    filter: str | None = key("options.filter", Kind(_filter, kinds.TEXT_SCHEMA), "Which of them.", None)
    attributes: tuple[str, ...] = key("options.attributes", kinds.TEXTS, "What is asked for; `*` and `+`.", ("*", "+"))
    size_limit: int = key("options.sizeLimit", kinds.whole(), "At most so many.", 0)
    time_limit: int = key("options.timeLimit", kinds.whole(), "Seconds that the server may take.", 0)
    dereference: int = key("options.derefAliases", kinds.whole(most=3), "0 never, 1 searching, 2 base, 3 always.", 0)
    page: int | None = key("options.paged", _PAGED, "Read in pages of 100, or of `pageSize`.", None)
    set: Mapping[str, Json] = key("set", kinds.OBJECT, "Values by paths of the entity, such as `spec.type`.", dict)
    map: Mapping[str, str] = key("map", _names(_USERS), "Names of attributes.", lambda: _USERS)


@dataclass(frozen=True, slots=True)
class LdapGroups(LdapSearch):
    """``groups``, where attributes have other names."""

    map: Mapping[str, str] = key("map", _names(_GROUPS), "Names of attributes.", lambda: _GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapOrg:
    """A directory server; each provider of ``catalog.providers.ldapOrg`` has a name and this."""

    id: str = "default"
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=MISSING)
    target: str = key("target", _LDAP_URL, "Its URL, ldap or ldaps.", example="ldaps://ds.example.net")
    bind: LdapBind | None = key("bind", Section(LdapBind, is_optional=True), "Who asks; nobody without it.", None)
    tls: LdapTls = key("tls", Section(LdapTls), "How its certificate is checked.", LdapTls)
    users: tuple[LdapSearch, ...] = key("users", Each(LdapSearch, may_be_one=True), "Where users are.", ())
    groups: tuple[LdapGroups, ...] = key("groups", Each(LdapGroups, may_be_one=True), "Where groups are.", ())
    dn_attribute: str | None = key("vendor.dnAttributeName", kinds.TEXT, "Attribute with the DN.", None)
    uuid_attribute: str | None = key("vendor.uuidAttributeName", kinds.TEXT, "Attribute with the unique id.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftGraphOrg:
    """A tenant of Entra ID; each provider of ``catalog.providers.microsoftGraphOrg`` has a name and this.

    Attributes:
        authority: root of where tokens are asked for.
        mode: ``advanced`` asks with eventual consistency, as searches and some filters need.
    """

    id: str = "default"
    schedule: Schedule = key("schedule", SCHEDULE, "When it is read.", missing=MISSING)
    tenant_id: str = key("tenantId", kinds.TEXT, "Id or domain of the tenant.", example="contoso.onmicrosoft.com")
    client_id: str = key("clientId", kinds.TEXT, "Id of the app.", missing=f"is missing; {_SECRET_ONLY}")
    client_secret: str = key(
        "clientSecret", kinds.TEXT, "Its secret.", missing=f"is missing; {_SECRET_ONLY}", is_shown=False
    )
    target: str = key("target", kinds.URL, "Root of the API.", "https://graph.microsoft.com/v1.0")
    authority: str = key("authority", kinds.URL, "Where tokens come from.", "https://login.microsoftonline.com")
    mode: str = key("queryMode", kinds.choice("basic", "advanced"), "`basic` by default.", "basic")
    user_path: str = key("user.path", kinds.TEXT, "Resource with the users; `users`.", "users")
    user_expand: str | None = key("user.expand", kinds.TEXT, "What is sent along with users.", None)
    user_filter: str | None = key("user.filter", kinds.TEXT, "Which users; not with `userGroupMember`.", None)
    user_select: tuple[str, ...] | None = key("user.select", kinds.TEXTS, "Properties of users.", None)
    has_photos: bool = key("user.loadPhotos", kinds.SWITCH, "Read photos of users, true by default.", True)
    group_path: str = key("group.path", kinds.TEXT, "Resource with the groups; `groups`.", "groups")
    group_expand: str | None = key("group.expand", kinds.TEXT, "What is sent along with groups.", None)
    group_filter: str | None = key("group.filter", kinds.TEXT, "Which groups.", None)
    group_search: str | None = key("group.search", kinds.TEXT, "Search for groups.", None)
    group_select: tuple[str, ...] | None = key("group.select", kinds.TEXTS, "Properties of groups.", None)
    has_sub_groups: bool = key("group.includeSubGroups", kinds.SWITCH, "Groups within groups, too.", False)
    member_path: str | None = key("userGroupMember.path", kinds.TEXT, "Resource with groups of users.", None)
    member_filter: str | None = key("userGroupMember.filter", kinds.TEXT, "Users of which groups.", None)
    member_search: str | None = key("userGroupMember.search", kinds.TEXT, "Users of the groups that are found.", None)

    @property
    def is_by_group(self) -> bool:
        """Whether users are those of some groups."""
        return bool(self.member_path or self.member_filter or self.member_search)

    def checked(self, section: Reader) -> "MicrosoftGraphOrg":
        """Refuse two ways to choose users."""
        if self.user_filter and self.is_by_group:
            section.fail("userGroupMember", "expected user.filter or userGroupMember, not both")
        return self
