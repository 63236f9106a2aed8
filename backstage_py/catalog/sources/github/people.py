"""Users and groups of what GitHub says about people and teams, as the default transformers of Backstage's module do."""

import re
from collections.abc import Mapping, Sequence

from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.plugin.organisations import OrganisationTransformer

LOGIN = "github.com/user-login"
ID = "github.com/user-id"
SLUG = "github.com/team-slug"
_EDIT = "backstage.io/edit-url"
_TAG = re.compile(r"\+[^@]*")


def user(person: JsonObject, *, uses_verified: bool) -> JsonObject:
    """Return the entity of a member; ``uses_verified``: prefer an address of a domain that is verified."""
    login = person["login"]
    verified = person.get("organizationVerifiedDomainEmails") if uses_verified else None
    email = _TAG.sub("", verified[0], count=1) if verified else person.get("email")
    profile = {"displayName": person.get("name"), "email": email, "picture": person.get("avatarUrl")}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "User",
        "metadata": {
            "name": login,
            "annotations": {LOGIN: login, **_given({ID: person.get("id")})},
            **_given({"description": person.get("bio")}),
        },
        "spec": {"profile": _given(profile), "memberOf": []},
    }


def group(team: JsonObject, members: Sequence[JsonObject], namespace: str | None) -> JsonObject:
    """Return the entity of a team, in a namespace of its organisation where there are several."""
    parent = (team.get("parentTeam") or {}).get("slug")
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Group",
        "metadata": {
            "name": team["slug"],
            "annotations": {SLUG: team["combinedSlug"], **_given({_EDIT: team.get("editTeamUrl")})},
            **_given({"description": team.get("description"), "namespace": namespace}),
        },
        "spec": {
            "type": "team",
            "profile": _given({"displayName": team.get("name"), "picture": team.get("avatarUrl")}),
            "children": [],
            **_given({"parent": parent}),
            "members": [f"{entity_ref.DEFAULT_NAMESPACE}/{one['login']}" for one in members],
        },
    }


def transformed(
    users: Sequence[tuple[JsonObject, JsonObject]],
    groups: Sequence[tuple[JsonObject, JsonObject]],
    changes: OrganisationTransformer,
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return users and groups as plugins want them; each comes with what GitHub says about it."""
    made_users = [changes.user(entity, record) for entity, record in users]
    made_groups = [changes.group(entity, record) for entity, record in groups]
    return [one for one in made_users if one is not None], [one for one in made_groups if one is not None]


def connect(groups: Sequence[JsonObject], users: Sequence[JsonObject]) -> None:
    """Complete the hierarchy of the groups of one organisation, and tell the users in which of them they are."""
    by_name = {one["metadata"]["name"]: one for one in groups}
    for one in groups:
        parent = by_name.get(one["spec"].get("parent") or "")
        if parent is not None and one["metadata"]["name"] not in parent["spec"]["children"]:
            parent["spec"]["children"].append(one["metadata"]["name"])
    for one in groups:
        for name in one["spec"]["children"]:
            child = by_name.get(name)
            if child is not None and not child["spec"].get("parent"):
                child["spec"]["parent"] = one["metadata"]["name"]
    by_ref = {entity_ref.of(one): one for one in users}
    for one in groups:
        for member in one["spec"].get("members") or ():
            found = by_ref.get(str(entity_ref.parse(member, default_kind="user")).lower())
            if found is not None and (name := _short(one)) not in found["spec"].setdefault("memberOf", []):
                found["spec"]["memberOf"].append(name)


def located(entity: JsonObject, host: str) -> JsonObject:
    """Return an entity that says where on GitHub it is from; what a plugin says about that stays."""
    metadata = entity["metadata"]
    own: Mapping[str, str] = metadata.get("annotations") or {}
    if entity["kind"] == "Group":
        org, _, team = str(own.get(SLUG) or f"{metadata.get('namespace')}/{metadata['name']}").partition("/")
        where = f"url:https://{host}/orgs/{org}/teams/{team}"
    else:
        where = f"url:https://{host}/{own.get(LOGIN) or metadata['name']}"
    annotations = {entities.MANAGED_BY: where, entities.ORIGIN: where, **own}
    return {**entity, "metadata": {**metadata, "annotations": annotations}}


def order(entity: JsonObject) -> tuple[str, str, str, str]:
    """Return what entities are sorted by, so that of two with one reference the same one counts each time."""
    metadata = entity["metadata"]
    return (
        metadata["name"],
        metadata["annotations"][entities.MANAGED_BY],
        entity["kind"],
        metadata.get("namespace") or "",
    )


def _short(entity: JsonObject) -> str:
    namespace = entity["metadata"].get("namespace") or entity_ref.DEFAULT_NAMESPACE
    name: str = entity["metadata"]["name"]
    return name if namespace == entity_ref.DEFAULT_NAMESPACE else f"{namespace}/{name}"


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
