"""``gitlab:user:info``."""

from dataclasses import dataclass

from backstage_py.integrations import gitlab
from backstage_py.plugin import ActionContext, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client

_ALWAYS = {"id": "id", "username": "username", "name": "name", "state": "state", "webUrl": "web_url"}
_WHERE_SHOWN = {"email": "email", "createdAt": "created_at", "publicEmail": "public_email"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A user by number, or whose token it is."""

    repo_url: str
    token: str | None = None
    user_id: int | None = None


@builtin("gitlab:user:info", Who, needs_workspace=False, extra=client.EXTRA)
async def gitlab_user_info(ctx: ActionContext[Who]) -> JsonObject:
    """Tell who a user is."""
    wanted = ctx.input
    with hosting.as_input_error("Failed to retrieve GitLab user info:"):
        async with client.opened(ctx, gitlab.host_of(wanted.repo_url), wanted.token, only_reads=True) as api:
            number = None if wanted.user_id is None else client.number(wanted.user_id)
            path = "/user" if number is None else gitlab.path("/users/{user}", user=number)
            found = await api.call("GET", path)
    shown: JsonObject = {output: found.get(name) for output, name in _ALWAYS.items()}
    return shown | {output: found[name] for output, name in _WHERE_SHOWN.items() if found.get(name)}
