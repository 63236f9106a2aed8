"""``gitlab:projectAccessToken:create`` and ``gitlab:projectDeployToken:create``.

GitLab shows a token once, so one whose answer was lost is of no use: another one is made, and the log says so.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from backstage_py.plugin import ActionContext, BackstageError, InputError, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client

_LIFE = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token of a project."""

    repo_url: str
    project_id: str | int
    token: str | None = None
    name: str = "tokenname"
    access_level: int = 40
    scopes: list[str] = field(default_factory=lambda: ["read_repository"])
    expires_at: str | None = None


@builtin("gitlab:projectAccessToken:create", AccessToken, needs_workspace=False, extra=client.EXTRA)
async def gitlab_project_access_token_create(ctx: ActionContext[AccessToken]) -> JsonObject:
    """Make an access token of a project."""
    wanted = ctx.input
    ctx.logger.info(f'Creating Token for Project "{client.number(wanted.project_id)}"')
    async with client.numbered(ctx, wanted.repo_url, wanted.project_id, wanted.token) as project:
        body: JsonObject = {
            "name": wanted.name,
            "scopes": wanted.scopes,
            "expires_at": wanted.expires_at or (ctx.clock.now() + _LIFE).date().isoformat(),
            "access_level": wanted.access_level,
        }

        async def create(_marker: str) -> str:
            found = (await project.call("POST", "/access_tokens", body)).get("token")
            if not found:
                raise BackstageError("Could not create project access token")
            return str(found)

        key = f"project.access.token.{project.ref}.{wanted.name}"
        return {"access_token": await ctx.effect(key, create=create, if_unknown="create")}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployToken:
    """A deploy token of a project."""

    repo_url: str
    project_id: str | int
    name: str
    scopes: list[str]
    token: str | None = None
    username: str | None = None


@builtin("gitlab:projectDeployToken:create", DeployToken, needs_workspace=False, extra=client.EXTRA)
async def gitlab_project_deploy_token_create(ctx: ActionContext[DeployToken]) -> JsonObject:
    """Make a deploy token of a project."""
    wanted = ctx.input
    ctx.logger.info(f'Creating Token for Project "{client.number(wanted.project_id)}"')
    if not wanted.scopes:
        raise InputError(
            f'Could not create token for project "{client.number(wanted.project_id)}": scopes cannot be empty.'
        )
    async with client.numbered(ctx, wanted.repo_url, wanted.project_id, wanted.token) as project:
        body: JsonObject = {"name": wanted.name, "scopes": wanted.scopes}
        if wanted.username is not None:
            body["username"] = wanted.username

        async def create(_marker: str) -> JsonObject:
            made = await project.call("POST", "/deploy_tokens", body)
            if "token" not in made:
                raise InputError("No deploy_token given from gitlab instance")
            return {"deploy_token": made["token"], "user": made["username"]}

        key = f"create.deploy.token.{project.ref}.{wanted.name}"
        return await ctx.effect(key, create=create, if_unknown="create")
