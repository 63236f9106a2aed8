"""Objects of Microsoft Graph as users and groups, by the rules of ``@backstage/plugin-catalog-backend-module-msgraph``.

The root group, the organisation itself, is the parent of every group that has no other.
"""

import re
from collections.abc import Iterable, Sequence

from backstage_py.catalog.organisations import hierarchy
from backstage_py.js.text import encode_component, trim
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject

EMAIL = "microsoft.com/email"
TENANT = "graph.microsoft.com/tenant-id"
GROUP = "graph.microsoft.com/group-id"
USER = "graph.microsoft.com/user-id"

_NO_NAME = re.compile(r"[^a-zA-Z0-9_\-.]")
Links = dict[str, set[str]]
"""Ids by an id."""


def named(text: str) -> str:
    """Return a text as a name of an entity."""
    return re.sub("_+", "_", _NO_NAME.sub("_", trim(text).lower()).rstrip("_"))


def organisation(record: JsonObject) -> JsonObject | None:
    """Return the group of the tenant; None for one without id or name."""
    if not record.get("id") or not record.get("displayName"):
        return None
    made = _group(record, named(record["displayName"]), TENANT, "root")
    made["metadata"]["description"] = record["displayName"]
    return made


def group(record: JsonObject) -> JsonObject | None:
    """Return a group; None for one without id or name."""
    if not record.get("id") or not record.get("displayName"):
        return None
    name = record["displayName"] if record.get("securityEnabled") else record.get("mailNickname")
    made = _group(record, named(name or record["displayName"]), GROUP, "team")
    if description := record.get("description"):
        made["metadata"]["description"] = description
    if email := record.get("mail"):
        made["spec"]["profile"]["email"] = email
    return made


def _group(record: JsonObject, name: str, annotation: str, kind: str) -> JsonObject:
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Group",
        "metadata": {"name": name, "annotations": {annotation: record["id"]}},
        "spec": {"type": kind, "profile": {"displayName": record["displayName"]}, "children": []},
    }


def user(record: JsonObject, photo: str | None) -> JsonObject | None:
    """Return a user; None for one without id or name."""
    if not record.get("id") or not record.get("displayName"):
        return None
    email = record.get("mail")
    made: JsonObject = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "User",
        "metadata": {"name": named(email or record["userPrincipalName"]), "annotations": {USER: record["id"]}},
        "spec": {"profile": {"displayName": record["displayName"]}, "memberOf": []},
    }
    if email:
        made["metadata"]["annotations"][EMAIL] = email
        made["spec"]["profile"]["email"] = email
    if photo:
        made["spec"]["profile"]["picture"] = photo
    return made


def relate(
    root: JsonObject | None, groups: Sequence[JsonObject], users: Iterable[JsonObject], within: Links, member_of: Links
) -> None:
    """Fill in parents, children and memberships, in place.

    Args:
        root: the organisation; it has to be among the groups as well.
        groups: all of them.
        users: all of them.
        within: which groups a group has, by its id.
        member_of: which groups a user is in, by their id.
    """
    by_id = {id_: one for one in groups for id_ in (_annotation(one, GROUP), _annotation(one, TENANT)) if id_}
    parents: Links = {}
    for parent, children in within.items():
        for child in children:
            parents.setdefault(child, set()).add(parent)
    if root:
        tenant = _annotation(root, TENANT) or ""
        for id_ in filter(None, (_annotation(one, GROUP) for one in groups)):
            if not parents.get(id_):
                parents[id_] = {tenant}
                within.setdefault(tenant, set()).add(id_)
    for one in groups:
        own = _annotation(one, GROUP) or _annotation(one, TENANT) or ""
        one["spec"]["children"] += _refs(by_id, within.get(own))
        above = _refs(by_id, parents.get(own))
        if above and not one["spec"].get("parent"):
            one["spec"]["parent"] = above[0]
    hierarchy.complete(groups)
    for person in users:
        found = _refs(by_id, member_of.get(_annotation(person, USER) or ""))
        given = person["spec"].get("memberOf") or []
        person["spec"]["memberOf"] = list(dict.fromkeys([*given, *found][::-1]))  # the order that Backstage gives


def _refs(by_id: dict[str, JsonObject], ids: Iterable[str] | None) -> list[str]:
    return [entity_ref.of(by_id[one]) for one in sorted(ids or ()) if one in by_id]


def _annotation(entity: JsonObject, name: str) -> str | None:
    found: str | None = entity["metadata"]["annotations"].get(name)
    return found


def identity(entity: JsonObject) -> str:
    """Return the id of a user, group or organisation; the name of an entity that has none."""
    own = entity["metadata"].get("annotations") or {}
    found: str = own.get(USER) or own.get(GROUP) or own.get(TENANT) or entity["metadata"]["name"]
    return found


def located(provider: str, entity: JsonObject) -> JsonObject:
    """Return an entity that says from which provider and object it comes."""
    own = entity["metadata"].get("annotations") or {}
    place = f"msgraph:{provider}/{encode_component(identity(entity))}"
    both = {entities.MANAGED_BY: place, entities.ORIGIN: place}
    return {**entity, "metadata": {**entity["metadata"], "annotations": {**both, **own}}}
