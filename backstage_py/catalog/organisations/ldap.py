"""Entries of an LDAP server as users and groups, by the rules of ``@backstage/plugin-catalog-backend-module-ldap``."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from backstage_py.catalog.organisations import paths
from backstage_py.errors import InputError
from backstage_py.js.text import encode_component
from backstage_py.model import entity as entities
from backstage_py.model.json import JsonObject
from backstage_py.settings.sections.directories import LdapOrg, LdapSearch

RDN = "backstage.io/ldap-rdn"
DN = "backstage.io/ldap-dn"
UUID_ANNOTATION = "backstage.io/ldap-uuid"

_MICROSOFT_ID = "objectGUID"
_GUID_BYTES = 16


class Entry(Protocol):
    """An entry of a directory."""

    def values(self, name: str) -> tuple[bytes, ...]:
        """Return the values of an attribute, none where it is not there."""

    def texts(self) -> JsonObject:
        """Return all of it as JSON."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """What attributes are called at a kind of server."""

    dn: str = "entryDN"
    uuid: str = "entryUUID"

    def texts(self, entry: Entry, name: str) -> list[str]:
        """Return the values of an attribute as texts."""
        values = entry.values(name)
        if values == (b"",):
            return []
        return [_text(name, one) for one in values]

    def one(self, entry: Entry, name: str | None) -> str | None:
        """Return the value of an attribute that has exactly one."""
        found = self.texts(entry, name) if name else []
        return found[0] if len(found) == 1 else None


def _text(name: str, value: bytes) -> str:
    if name == _MICROSOFT_ID and len(value) == _GUID_BYTES:
        return str(UUID(bytes_le=value))
    return value.decode("utf-8", "replace")


def vendor(root: Entry | None, org: LdapOrg) -> Vendor:
    """Return what a server says of itself, and over it what is configured."""
    found = _vendor(root) if root else Vendor()
    return Vendor(org.dn_attribute or found.dn, org.uuid_attribute or found.uuid)


def _vendor(root: Entry) -> Vendor:
    if _says(root, "forestFunctionality"):
        return Vendor("distinguishedName", _MICROSOFT_ID)
    if _says(root, "ipaDomainLevel"):
        return Vendor("dn", "ipaUniqueID")
    if root.values("aeRoot"):
        return Vendor("dn", "entryUUID")
    if _is_google(root):
        return Vendor("dn", "uid")
    if root.values("vendorName") == (b"LLDAP",):
        return Vendor("dn", "entryuuid")
    return Vendor()


def _says(root: Entry, name: str) -> bool:
    return root.values(name) not in ((), (b"",))


def _is_google(root: Entry) -> bool:
    """Google's server says nothing of itself but its schema."""
    silent = ("namingContexts", "supportedControl", "vendorName", "vendorVersion")
    if any(_says(root, name) for name in silent) or root.values("subschemaSubentry") != (b"cn=subschema",):
        return False
    kinds, types = root.values("objectClasses"), root.values("attributeTypes")
    return any(b"googleUid" in one for one in kinds) or any(b"googleAdminCreated" in one for one in types)


def user(entry: Entry, wanted: LdapSearch, names: Vendor) -> JsonObject:
    """Return the user of an entry.

    Raises:
        InputError: it has no name.
    """
    made: JsonObject = {
        "apiVersion": "backstage.io/v1beta1",
        "kind": "User",
        "metadata": {"name": "", "annotations": {}},
        "spec": {"profile": {}, "memberOf": []},
    }
    return _filled(made, entry, wanted, names)


def group(entry: Entry, wanted: LdapSearch, names: Vendor) -> JsonObject:
    """Return the group of an entry.

    Raises:
        InputError: it has no name.
    """
    made: JsonObject = {
        "apiVersion": "backstage.io/v1beta1",
        "kind": "Group",
        "metadata": {"name": "", "annotations": {}},
        "spec": {"type": "unknown", "profile": {}, "children": []},
    }
    made = _filled(made, entry, wanted, names)
    if kind := names.one(entry, wanted.map.get("type")):
        made["spec"]["type"] = kind
    return made


def _filled(made: JsonObject, entry: Entry, wanted: LdapSearch, names: Vendor) -> JsonObject:
    for path, value in wanted.set.items():
        paths.put(made, path, value)
    metadata, profile = made["metadata"], made["spec"]["profile"]
    _put(metadata, "name", names.one(entry, wanted.map["name"]))
    if not metadata["name"]:
        word = made["kind"].lower()
        raise InputError(
            f"{made['kind']} syncing failed: missing '{wanted.map['name']}' attribute, consider applying a {word} "
            f"filter to skip processing {word}s with incomplete data."
        )
    _put(metadata, "description", names.one(entry, wanted.map.get("description")))
    _put(metadata["annotations"], RDN, names.one(entry, wanted.map.get("rdn")))
    _put(metadata["annotations"], UUID_ANNOTATION, names.one(entry, names.uuid))
    _put(metadata["annotations"], DN, names.one(entry, names.dn))
    for name in ("displayName", "email", "picture"):
        _put(profile, name, names.one(entry, wanted.map.get(name)))
    return made


def _put(node: JsonObject, name: str, value: str | None) -> None:
    if value is not None:
        node[name] = value


def located(provider: str, entity: JsonObject) -> JsonObject:
    """Return an entity that says from which provider and entry it comes."""
    own = entity["metadata"].get("annotations") or {}
    name = own.get(DN) or entity["metadata"]["name"]
    place = f"ldap://{provider}/{encode_component(name)}"
    both = {entities.MANAGED_BY: place, entities.ORIGIN: place}
    return {**entity, "metadata": {**entity["metadata"], "annotations": {**both, **own}}}
