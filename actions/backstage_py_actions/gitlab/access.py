"""``gitlab:group:access``."""

from dataclasses import dataclass, field
from functools import partial

from backstage_py.integrations import gitlab
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.plugin import ActionContext, ConflictError, InputError, JsonObject, NotFoundError
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client

_LEVELS = {
    "no_access": 0,
    "minimal_access": 5,
    "guest": 10,
    "planner": 15,
    "reporter": 20,
    "developer": 30,
    "maintainer": 40,
    "owner": 50,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who comes into a group, or leaves it."""

    repo_url: str
    path: str | float
    token: str | None = None
    user_ids: list[int] = field(default_factory=list)
    group_ids: list[int] = field(default_factory=list)
    action: str = "add"
    access_level: str | int = 30


@builtin("gitlab:group:access", Access, dry_run=True, needs_workspace=False, extra=client.EXTRA)
async def gitlab_group_access(ctx: ActionContext[Access]) -> JsonObject:
    """Add users and groups to a group, or remove them."""
    wanted = ctx.input
    if not wanted.user_ids and not wanted.group_ids:
        raise InputError("At least one of userIds or groupIds must be provided and non-empty")
    level = _level(wanted.access_level)
    if not ctx.is_dry_run:
        async with client.opened(ctx, gitlab.host_of(wanted.repo_url), wanted.token) as api:
            for user in wanted.user_ids:
                await _change(ctx, _Member(api, client.number(wanted.path), int(user), level, "user"))
            for group in wanted.group_ids:
                await _change(ctx, _Share(api, client.number(wanted.path), int(group), level, "group"))
    outputs: JsonObject = {"path": wanted.path}
    outputs |= {"userIds": wanted.user_ids} if wanted.user_ids else {}
    outputs |= {"groupIds": wanted.group_ids} if wanted.group_ids else {}
    return outputs | ({"accessLevel": level} if wanted.action == "add" else {})


def _level(given: str | int) -> int:
    if not isinstance(given, str):
        return given
    found = _LEVELS.get(given.lower())
    if found is None:
        raise InputError(
            f'Invalid access level: "{given}". Valid values are: {", ".join(_LEVELS)} or a numeric GitLab access level'
        )
    return found


@dataclass(frozen=True, slots=True)
class _Member:
    """A user of a group."""

    api: GitlabApi
    group: str
    who: int
    level: int
    kind: str

    def path(self, template: str) -> str:
        return gitlab.path("/groups/{group}" + template, group=self.group, who=str(self.who))

    async def add(self) -> None:
        body = {"user_id": self.who, "access_level": self.level}
        try:
            await self.api.call("POST", self.path("/members"), body)
        except ConflictError:
            await self.api.call("PUT", self.path("/members/{who}"), {"access_level": self.level})

    async def remove(self) -> None:
        await self.api.call("DELETE", self.path("/members/{who}"))

    async def is_there(self) -> bool:
        try:
            await self.api.call("GET", self.path("/members/{who}"))
        except NotFoundError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Share(_Member):
    """A group that a group is shared with."""

    async def add(self) -> None:
        body = {"group_id": self.who, "group_access": self.level}
        try:
            await self.api.call("POST", self.path("/share"), body)
        except ConflictError:
            await self.remove()
            await self.api.call("POST", self.path("/share"), body)

    async def remove(self) -> None:
        await self.api.call("DELETE", self.path("/share/{who}"))

    async def is_there(self) -> bool:
        found = await self.api.call("GET", self.path(""))
        return any(one["group_id"] == self.who for one in found.get("shared_with_groups") or ())


async def _change(ctx: ActionContext[Access], member: _Member) -> None:
    """Add or remove somebody once per task; who was removed by an earlier run is not missed."""
    wanted, adds = ctx.input, ctx.input.action == "add"
    doing, where = ("Adding", "to") if adds else ("Removing", "from")
    ctx.logger.info(f"{doing} {member.kind} {member.who} {where} group {client.number(wanted.path)}")
    key = f"gitlab.group.member.{member.kind}.{wanted.action}.{member.group}.{member.who}"
    if adds:
        await hosting.once(ctx, key, partial(member.add))
        return

    async def remove(_marker: str) -> bool:
        await member.remove()
        return True

    async def find(_marker: str) -> bool | None:
        return None if await member.is_there() else True

    await ctx.effect(key, create=remove, find=find)
