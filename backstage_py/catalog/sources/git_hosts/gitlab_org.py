"""The users and groups of GitLab: the provider of ``catalog.providers.gitlab`` with ``orgEnabled``.

Source: ``GitlabOrgDiscoveryEntityProvider`` of Backstage's module, and its events. A group whose members cannot be
read makes the reading fail, where that module takes it for one without members.
"""

import re
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

from backstage_py.catalog.sources.git_hosts import api, gitlab_people
from backstage_py.catalog.sources.git_hosts.discovery import named, part
from backstage_py.catalog.sources.git_hosts.gitlab import Gitlab
from backstage_py.catalog.sources.scheduled import ScheduledProvider
from backstage_py.catalog.sources.shown import must_show
from backstage_py.catalog.sources.together import together
from backstage_py.errors import ForeignError
from backstage_py.integrations import paging
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.integrations.web.http import HttpClient
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin.catalog import Event
from backstage_py.plugin.organisations import Transformers
from backstage_py.settings.sections.git_providers import GitlabSettings

_SAAS = "gitlab.com"
_PAGE = 100
_BOT = re.compile(r"(?:project|group)_\w+_bot_\w+")
_GROUPS = """
query($group: ID!, $endCursor: String) {
  group(fullPath: $group) {
    descendantGroups(first: 100, after: $endCursor) {
      nodes { id name description fullPath visibility parent { id } }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""
_MEMBERS = """
query($group: ID!, $relations: [GroupMemberRelation!], $endCursor: String) {
  group(fullPath: $group) {
    groupMembers(first: 100, relations: $relations, after: $endCursor) {
      nodes { user { id username publicEmail name state webUrl avatarUrl } }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""
_OF_GROUPS = ("gitlab.group_create", "gitlab.group_destroy", "gitlab.group_rename")
_OF_USERS = ("gitlab.user_create", "gitlab.user_destroy")
_OF_MEMBERS = ("gitlab.user_add_to_group", "gitlab.user_remove_from_group")


class GitlabOrgProvider(ScheduledProvider):
    """Implements ``EntityProvider``.

    Args:
        settings: of this provider.
        http: for requests.
        hosts: the git hosts.
        transformers: what plugins make of people and teams.

    Raises:
        SettingsError: ``integrations`` has no such host.
    """

    topics = (*_OF_GROUPS, *_OF_USERS, *_OF_MEMBERS)

    def __init__(
        self, settings: GitlabSettings, http: HttpClient, hosts: ScmRegistry, transformers: Transformers
    ) -> None:
        super().__init__(f"GitlabOrgDiscoveryEntityProvider:{settings.id}", settings.schedule)
        self._settings = settings
        self._gitlab = Gitlab(api.of_host(http, hosts, "gitlab", settings.host))
        self._made = gitlab_people.Making(settings, self._gitlab.base, transformers)
        self._user_fits = part(settings.users)
        self._group_fits = [part(one) for one in settings.groups or (None,)]

    async def found(self) -> Sequence[JsonObject]:
        """Return all users that the filters let in, and the groups that have any of them."""
        every = await self._groups()
        must_show(self._settings.host, "groups", every)
        groups = [one for one in every if self._is_wanted(one)]
        users: dict[int, JsonObject] = {}
        async for one in self._users(every):
            if self._is_wanted_user(one):
                users.setdefault(one["id"], one)
        must_show(self._settings.host, "users", users)
        members = await together(lambda one: self._members(one["full_path"]), groups)
        if groups:
            must_show(self._settings.host, "members of groups", [one for several in members for one in several])
        teams: dict[int, list[JsonObject]] = {}
        for group, several in zip(groups, members, strict=True):
            for member in several:
                if member["id"] in users:
                    teams.setdefault(member["id"], []).append(group)
        lively = {group["id"] for several in teams.values() for group in several}
        made = [self._made.user(one, teams.get(one["id"], [])) for one in users.values()]
        made += self._made.groups([one for one in groups if one["id"] in lively])
        return [one for one in made if one]

    @property
    def _is_self_managed(self) -> bool:
        return self._settings.host != _SAAS

    async def _groups(self) -> list[JsonObject]:
        asked = self._settings
        if self._is_self_managed and not asked.restricts_users:
            return [one async for one in self._gitlab.pages("/groups", {"per_page": _PAGE, "all_available": True})]
        nodes = self._graphql(_GROUPS, {"group": asked.group}, "descendantGroups")
        inner = [gitlab_people.group_of_graphql(one) async for one in nodes if one and one.get("id")]
        return [*inner, await self._gitlab.one(f"/groups/{_coded(asked.group)}")]

    async def _users(self, groups: Sequence[JsonObject]) -> AsyncIterator[JsonObject]:
        asked = self._settings
        if self._is_self_managed and not asked.restricts_users:
            query: api.Query = {
                "per_page": _PAGE,
                "active": True,
                "without_project_bots": True,
                "exclude_internal": True,
            }
            async for one in self._gitlab.pages("/users", query):
                yield one
            return
        if self._is_self_managed:
            async for one in self._gitlab.pages(f"/groups/{_coded(asked.group)}/members/all", {"per_page": _PAGE}):
                yield one
            return
        every = [asked.group.split("/")[0], *(str(one["id"]) for one in groups)]
        for group in [asked.group] if asked.restricts_users else every:
            query = {"per_page": _PAGE, "active": True, "show_seat_info": True}
            async for one in self._gitlab.pages(f"/groups/{_coded(group)}/members/all", query):
                if one.get("is_using_seat") or (asked.has_seatless and not _BOT.fullmatch(one["username"])):
                    yield one

    async def _members(self, group: str) -> list[JsonObject]:
        relations = list(dict.fromkeys(("DIRECT", *self._settings.relations)))
        found = self._graphql(_MEMBERS, {"group": group, "relations": relations}, "groupMembers")
        return [gitlab_people.user_of_graphql(one["user"]) async for one in found if (one.get("user") or {}).get("id")]

    async def _graphql(self, query: str, variables: JsonObject, field: str) -> AsyncIterator[Json]:
        """Yield the nodes of a list; a group within others that the token may not see has no members.

        Raises:
            ForeignError: GitLab refuses, or does not show the configured group.
        """
        cursor: str | None = None
        pages = paging.Pages(f"{self._gitlab.base}/api/graphql")
        while True:
            sent = {"query": query, "variables": {**variables, "endCursor": cursor}}
            said = pages.counted(await self._gitlab.host.post(pages.url, sent)).json()
            if said.get("errors"):
                raise ForeignError(f"GitLab refused a query: {named(said['errors'][0], 'message')}")
            group = said["data"].get("group")
            if group is None and query is _GROUPS:  # a page without groups would remove them
                raise ForeignError(f"{self._settings.host} does not show the group {variables['group']}")
            found = (group or {}).get(field) or {}
            for one in found.get("nodes") or ():
                yield one
            page = found.get("pageInfo") or {}
            if not page.get("hasNextPage"):
                return
            cursor = paging.onward(page["endCursor"], cursor, f"{field} of {variables['group']}")

    def _is_wanted(self, group: JsonObject) -> bool:
        path, own = group["full_path"], self._settings.group
        return any(fits(path) for fits in self._group_fits) and (not own or f"{path}/".startswith(f"{own}/"))

    def _is_wanted_user(self, user: JsonObject) -> bool:
        shown = user.get("email")
        text = user.get("username") or "" if shown is None else shown
        return self._user_fits(text) and user.get("state") == "active"

    async def hear(self, event: Event) -> None:
        """Follow what became of a group, a user or a membership."""
        if event.topic in _OF_GROUPS:
            await self._group_changed(event)
        elif event.topic in _OF_USERS:
            await self._user_changed(event)
        else:
            await self._membership_changed(event.payload)

    async def _group_changed(self, event: Event) -> None:
        told = event.payload
        gone = {"id": told["group_id"], "full_path": told.get("old_full_path") or told.get("full_path") or ""}
        removed = self._made.groups([{**gone, "name": named(told, "name")}])
        if event.topic.endswith("destroy"):
            await self.change(removed=removed if self._is_wanted(gone) else [])
            return
        group = await self._gitlab.one(f"/groups/{int(told['group_id'])}")
        added = [await self._with_parent(group)] if self._is_wanted(group) else []
        is_renamed = event.topic.endswith("rename") and self._is_wanted(gone)
        await self.change([one for one in added if one], removed if is_renamed else [])

    async def _with_parent(self, group: JsonObject) -> JsonObject | None:
        made = next(iter(self._made.groups([group])), None)
        if made and group.get("parent_id"):
            parent = await self._gitlab.one(f"/groups/{int(group['parent_id'])}")
            made["spec"]["parent"] = self._made.name(parent)
        return made

    async def _user_changed(self, event: Event) -> None:
        told = event.payload
        if event.topic.endswith("destroy"):
            user = {"id": told["user_id"], "username": named(told, "username"), "name": named(told, "name")}
            gone = self._made.user({**user, "web_url": "", "email": told.get("email"), "state": "active"}, [])
            await self.change(removed=[gone] if gone else [])
            return
        user = await self._gitlab.one(f"/users/{int(told['user_id'])}")
        if self._is_wanted_user(user) and await self._is_member(user["id"]):
            made = self._made.user(user, [])
            await self.change([made] if made else [])

    async def _is_member(self, user: int) -> bool:
        if not self._settings.restricts_users:
            return True
        url = f"{self._gitlab.root}/groups/{_coded(self._settings.group)}/members/all/{user}"
        return await self._gitlab.host.has(url, method="GET")

    async def _membership_changed(self, told: JsonObject) -> None:
        group = await self._gitlab.one(f"/groups/{int(told['group_id'])}")
        if not self._is_wanted(group):
            return
        made = await self._with_parent(group)
        if made:
            made["spec"]["members"] = [one["username"] for one in await self._members(group["full_path"])]
            await self.change([made])


def _coded(path: str) -> str:
    return quote(path, safe="")
