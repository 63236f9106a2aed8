"""Users and groups of GitLab as entities, by the default transformers of Backstage's module."""

from collections.abc import Sequence

from backstage_py.model import entity as entities
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.organisations import Transformers
from backstage_py.settings.sections.git_providers import GitlabSettings


class Making:
    """Makes entities.

    Args:
        settings: of the provider.
        base: root of GitLab's pages.
        transformers: what plugins make of them.
    """

    def __init__(self, settings: GitlabSettings, base: str, transformers: Transformers) -> None:
        self._host = settings.host
        self._group = settings.group
        self._base = base
        self._transformers = transformers

    def name(self, group: JsonObject) -> str:
        """Return the name of a group: its path below the configured one."""
        path: str = group["full_path"]
        return (path.removeprefix(f"{self._group}/") if self._group else path).replace("/", "-")

    def user(self, record: JsonObject, groups: Sequence[JsonObject]) -> JsonObject | None:
        """Return a user; None when a plugin leaves them out."""
        annotations = {
            f"{self._host}/user-login": record["web_url"],
            f"{self._host}/user-id": str(record["id"]),
        }
        if external := (record.get("group_saml_identity") or {}).get("extern_uid"):
            annotations[f"{self._host}/saml-external-uid"] = external
        shown = {
            "displayName": record.get("name"),
            "picture": record.get("avatar_url"),
            "email": record.get("email"),
        }
        made: JsonObject = {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "User",
            "metadata": {"name": record["username"], "annotations": annotations},
            "spec": {
                "profile": {name: value for name, value in shown.items() if value},
                "memberOf": [self.name(one) for one in groups],
            },
        }
        entity = self._transformers.user(made, record)
        return self._located(entity, str(entity["metadata"]["name"])) if entity else None

    def groups(self, records: Sequence[JsonObject]) -> list[JsonObject]:
        """Return groups; a group's parent is one of them."""
        by_id = {one["id"]: one for one in records}
        made = [self._transformers.group(self._made(one, by_id.get(one.get("parent_id"))), one) for one in records]
        team_path = f"{self._host}/team-path"
        return [self._located(one, str(entities.annotation(one, team_path))) for one in made if one]

    def _made(self, record: JsonObject, parent: JsonObject | None) -> JsonObject:
        made: JsonObject = {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Group",
            "metadata": {"name": self.name(record), "annotations": {f"{self._host}/team-path": record["full_path"]}},
            "spec": {"type": "team", "children": [], "profile": {"displayName": record["name"]}},
        }
        if "visibility" in record:
            made["metadata"]["annotations"][f"{self._host}/visibility"] = record["visibility"]
        if record.get("description"):
            made["metadata"]["description"] = record["description"]
        if parent:
            made["spec"]["parent"] = self.name(parent)
        return made

    def _located(self, entity: JsonObject, path: str) -> JsonObject:
        place = f"url:{self._base}/{path}"
        own = entity["metadata"].get("annotations") or {}
        both = {entities.MANAGED_BY: place, entities.ORIGIN: place}
        return {**entity, "metadata": {**entity["metadata"], "annotations": {**both, **own}}}


def group_of_graphql(node: Json) -> JsonObject:
    """Return a group as the REST API has it."""
    return {
        "id": _number(node["id"]),
        "name": node["name"],
        "description": node["description"],
        "full_path": node["fullPath"],
        "visibility": node["visibility"],
        "parent_id": _number(node["parent"]["id"]),
    }


def user_of_graphql(node: Json) -> JsonObject:
    """Return a user as the REST API has it, as far as memberships need it."""
    return {"id": _number(node["id"]), "username": node["username"]}


def _number(id_: str) -> int:
    return int(id_.rpartition("/")[2])
