"""The provider ``catalog.providers.microsoftGraphOrg``: the users and groups of a tenant of Entra ID."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog

from backstage_py.catalog.organisations import microsoft_graph as made
from backstage_py.catalog.sources.together import together
from backstage_py.errors import BackstageError, ForeignError
from backstage_py.integrations.directories.microsoft_graph import MicrosoftGraph, Query
from backstage_py.model.json import JsonObject
from backstage_py.plugin.organisations import Transformers
from backstage_py.settings.sections.directories import MicrosoftGraphOrg

_PAGE = 999
_USER_SELECT = (
    *("businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation"),
    *("preferredLanguage", "surname", "userPrincipalName"),
)
"""What Graph sends of a user when nothing is selected."""
_ALWAYS = ("id", "accountEnabled")
_A_USER, _A_GROUP = "#microsoft.graph.user", "#microsoft.graph.group"
_log = structlog.get_logger(__name__)


async def read(provider: str, org: MicrosoftGraphOrg, transformers: Transformers) -> list[JsonObject]:
    """Return the tenant's users and groups with their relations.

    Raises:
        BackstageError: Graph refuses or does not answer. ForeignError: it shows nobody.
    """
    async with MicrosoftGraph.opened(org) as graph:
        reading = _Reading(org, graph, transformers)
        users = await reading.users()
        groups, root = await reading.groups()
    if not users and not groups:
        raise ForeignError(f"The tenant {org.tenant_id} shows neither users nor groups; whom it showed before stay")
    made.relate(root, groups, users, reading.within, reading.member_of)
    return [made.located(provider, one) for one in (*users, *groups)]


@dataclass(slots=True)
class _Reading:
    """What one reading has found so far."""

    org: MicrosoftGraphOrg
    graph: MicrosoftGraph
    transformers: Transformers
    within: made.Links = field(default_factory=dict)
    member_of: made.Links = field(default_factory=dict)

    async def users(self) -> list[JsonObject]:
        found = self._of_groups() if self.org.is_by_group else self._all_users()
        records = {one["id"]: one async for one in found if one.get("accountEnabled") is not False}
        users = await together(self._user, records.values())
        return [one for one in users if one]

    async def _all_users(self) -> AsyncIterator[JsonObject]:
        query = Query(
            filter=self.org.user_filter, expand=self.org.user_expand, select=_selected(self.org.user_select), top=_PAGE
        )
        async for one in self.graph.collection(self.org.user_path, query, self.org.mode):
            yield one

    async def _of_groups(self) -> AsyncIterator[JsonObject]:
        """Yield the users of the groups that are chosen; one in two groups comes twice."""
        chosen = Query(
            search=self.org.member_search,
            filter=self.org.member_filter,
            expand=self.org.group_expand,
            select=("id", "displayName"),
            top=_PAGE,
        )
        path = self.org.member_path or "groups"
        groups = [one["id"] async for one in self.graph.collection(path, chosen, self.org.mode)]
        for found in await together(self._users_of, groups):
            for one in found:
                yield one

    async def _users_of(self, group: str) -> list[JsonObject]:
        query = Query(expand=self.org.user_expand, select=_selected(self.org.user_select), top=_PAGE)
        return await self._listed(f"groups/{group}/members/microsoft.graph.user/", query, self.org.mode)

    async def _listed(self, path: str, query: Query, mode: str = "basic") -> list[JsonObject]:
        return [one async for one in self.graph.collection(path, query, mode)]

    async def _user(self, record: JsonObject) -> JsonObject | None:
        photo = None
        if self.org.has_photos:
            try:
                photo = await self.graph.photo(record["id"])
            except BackstageError as error:  # somebody without a photo is better than nobody
                _log.debug("photo_not_read", user=record["id"], error=str(error))
        user = made.user(record, photo)
        return self.transformers.user(user, record) if user else None

    async def groups(self) -> tuple[list[JsonObject], JsonObject | None]:
        record = await self.graph.organisation()
        root = made.organisation(record)
        root = self.transformers.organisation(root, record) if root else None
        query = Query(
            search=self.org.group_search,
            filter=self.org.group_filter,
            expand=self.org.group_expand,
            select=self.org.group_select,
            top=_PAGE,
        )
        records = await self._listed(self.org.group_path, query, self.org.mode)
        several = await together(self._group, records)
        groups = {made.identity(one): one for found in several for one in found}
        return [*([root] if root else []), *groups.values()], root

    async def _group(self, record: JsonObject) -> list[JsonObject]:
        """Return the entity of a group, and of those within it where they are wanted, and note its members."""
        group = self._made(record)
        if group is None:
            return []
        found = [group]
        for member in await self._members(record["id"]):
            if self.org.has_sub_groups and member.get("@odata.type") == _A_GROUP and (inner := self._made(member)):
                found.append(inner)
                await self._members(member["id"])
        return found

    def _made(self, record: JsonObject) -> JsonObject | None:
        group = made.group(record)
        return self.transformers.group(group, record) if group else None

    async def _members(self, group: str) -> list[JsonObject]:
        """Return a group's members, and note who they are."""
        found = [one for one in await self._listed(f"groups/{group}/members", Query(top=_PAGE)) if one.get("id")]
        for one in found:
            if one.get("@odata.type") == _A_USER:
                self.member_of.setdefault(one["id"], set()).add(group)
            elif one.get("@odata.type") == _A_GROUP:
                self.within.setdefault(group, set()).add(one["id"])
        return found


def _selected(select: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return properties of users with those that are always needed."""
    given = select or _USER_SELECT
    known = {one.lower() for one in given}
    return (*given, *(one for one in _ALWAYS if one.lower() not in known))
