"""``gitlab:pipeline:trigger`` and ``gitlab:projectVariable:create``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.integrations.forges.gitlab import Project
from backstage_py.plugin import ActionContext, BackstageError, InputError, Json, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client
from backstage_py_actions.gitlab.publish import add_variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A pipeline to start."""

    repo_url: str
    project_id: int
    token_description: str
    branch: str
    token: str | None = None
    variables: Mapping[str, str] | None = field(default=None, repr=False)


@builtin("gitlab:pipeline:trigger", Trigger, needs_workspace=False, extra=client.EXTRA)
async def gitlab_pipeline_trigger(ctx: ActionContext[Trigger]) -> JsonObject:
    """Start a pipeline, at most once: nothing tells it from one that somebody else started."""
    wanted = ctx.input
    async with client.numbered(ctx, wanted.repo_url, wanted.project_id, wanted.token) as project:

        async def start(_marker: str) -> str:
            trigger = await _trigger(project, wanted.token_description)
            try:
                return await _start(project, wanted, str(trigger["token"]))
            finally:
                await _forget(ctx, project, str(trigger["id"]))

        key = f"trigger.pipeline.{project.ref}.{wanted.branch}.{wanted.token_description}"
        return {"pipelineUrl": await ctx.effect(key, create=start)}


async def _trigger(project: Project, description: str) -> Json:
    """Make a trigger token. As long as there is none no pipeline was started, so a retry may begin anew."""
    try:
        return await project.call("POST", "/triggers", {"description": description})
    except BackstageError as error:
        error.is_refusal = True
        raise


async def _start(project: Project, wanted: Trigger, token: str) -> str:
    body: JsonObject = {"ref": wanted.branch, "token": token}
    if wanted.variables:
        body["variables"] = dict(wanted.variables)
    made = await project.call("POST", "/trigger/pipeline", body)
    if not made or not made.get("id"):
        raise InputError(f"Failed to trigger pipeline for project {project.ref}")
    return str(made["web_url"])


async def _forget(ctx: ActionContext[Trigger], project: Project, trigger: str) -> None:
    try:
        await project.call("DELETE", "/triggers/{trigger}", trigger=trigger)
    except BackstageError as error:
        ctx.logger.error(f"Failed to delete pipeline trigger token {trigger}: {error.message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of a project's pipelines."""

    repo_url: str
    project_id: str | int
    key: str
    value: str = field(repr=False)
    variable_type: str
    token: str | None = None
    variable_protected: bool = False
    masked: bool = False
    masked_and_hidden: bool = False
    raw: bool = False
    environment_scope: str = "*"


@builtin("gitlab:projectVariable:create", Variable, needs_workspace=False, extra=client.EXTRA)
async def gitlab_project_variable_create(ctx: ActionContext[Variable]) -> None:
    """Add a variable."""
    wanted = ctx.input
    body: JsonObject = {
        "key": wanted.key,
        "value": wanted.value,
        "variable_type": wanted.variable_type,
        "protected": wanted.variable_protected,
        "masked": wanted.masked,
        "masked_and_hidden": wanted.masked_and_hidden,
        "raw": wanted.raw,
        "environment_scope": wanted.environment_scope,
    }
    async with client.numbered(ctx, wanted.repo_url, wanted.project_id, wanted.token) as project:
        await add_variable(ctx, project, body)
