"""``azure:pipeline:create``, ``azure:pipeline:run`` and ``azure:pipeline:permit``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.integrations import azure
from backstage_py.integrations.forges.rest import RestApi
from backstage_py.plugin import ActionContext, BackstageError, ForeignError, InputError, Json, JsonObject
from backstage_py.plugin.formats import dump_json
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.azure import client

_ON_PUSH: JsonObject = {
    "branchFilters": [],
    "batchChanges": False,
    "maxConcurrentBuildsPerBranch": 1,
    "pathFilters": [],
    "pollingInterval": 0,
    "triggerType": 2,
    "settingsSourceType": 2,
}
"""The trigger that follows each push, as the pipeline's own file says (``settingsSourceType``)."""
_PREVIEW = "6.0-preview.1"
_UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A pipeline for a file of a repository."""

    organization: str
    pipeline_yaml_file: str
    repository: str
    pipeline_name: str
    project: str
    host: str = client.HOST
    branch: str = "main"
    token: str | None = None
    pipeline_folder: str = "/"
    pipeline_agent_pool_name: str = "Azure Pipelines"


@builtin("azure:pipeline:create", Create, needs_workspace=False)
async def azure_pipeline_create(ctx: ActionContext[Create]) -> JsonObject:
    """Create a pipeline; behind an intent, one of the name that is for the same file is this task's."""
    wanted = ctx.input
    definition = _definition(wanted)
    async with client.opened(ctx, wanted.host, wanted.organization, wanted.token, client.BUILD) as (api, _):
        path = azure.path("/{project}/_apis/build/definitions", project=wanted.project)

        async def create(_marker: str) -> JsonObject:
            return _shown(await api.call("POST", path, definition))

        async def find(_marker: str) -> JsonObject | None:
            query = {"name": wanted.pipeline_name, "path": wanted.pipeline_folder, "includeAllProperties": "true"}
            for one in (await api.call("GET", path, query=query))["value"]:
                if _is_for(one, definition):
                    return _shown(one)
            return None

        key = f"create.pipeline.{wanted.organization}.{wanted.project}.{wanted.pipeline_folder}.{wanted.pipeline_name}"
        outputs: JsonObject = await ctx.effect(key, create=create, find=find)
        return outputs


def _definition(wanted: Create) -> JsonObject:
    pool = {"name": wanted.pipeline_agent_pool_name}
    return {
        "path": wanted.pipeline_folder,
        "name": wanted.pipeline_name,
        "repository": {"name": wanted.repository, "type": "TfsGit", "defaultBranch": wanted.branch},
        "process": {"yamlFilename": wanted.pipeline_yaml_file},
        "triggers": [_ON_PUSH],
        "queue": {**pool, "pool": pool},
    }


def _is_for(known: Json, wanted: JsonObject) -> bool:
    repository = (known.get("repository") or {}).get("name")
    file = (known.get("process") or {}).get("yamlFilename")
    return (repository, file) == (wanted["repository"]["name"], wanted["process"]["yamlFilename"])


def _shown(pipeline: Json) -> JsonObject:
    return {"pipelineUrl": pipeline["_links"]["web"]["href"], "pipelineId": str(pipeline["id"])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a pipeline, and how long it is waited for."""

    organization: str
    pipeline_id: str
    project: str
    host: str = client.HOST
    branch: str | None = None
    token: str | None = None
    polling_interval: float = 0
    pipeline_timeout: float | None = None
    template_parameters: Mapping[str, str] | None = None
    fail_if_not_successful: bool = False


@builtin("azure:pipeline:run", Run, needs_workspace=False)
async def azure_pipeline_run(ctx: ActionContext[Run]) -> JsonObject:
    """Start a pipeline, at most once: nothing tells its run from one that somebody else started."""
    wanted = ctx.input
    if wanted.fail_if_not_successful and not wanted.polling_interval:
        raise InputError("The parameter failIfNotSuccessful option requires pollingInterval to be set")
    number = str(_number(wanted.pipeline_id))
    runs = azure.path("/{project}/_apis/pipelines/{number}/runs", project=wanted.project, number=number)
    opened = client.opened(ctx, wanted.host, wanted.organization, wanted.token, client.BUILD, _PREVIEW)
    async with opened as (api, _):

        async def start(_marker: str) -> JsonObject:
            made = await api.call("POST", runs, _asked(wanted))
            return {"id": made["id"], "url": made["_links"]["web"]["href"]}

        key = f"run.pipeline.{wanted.organization}.{wanted.project}.{wanted.pipeline_id}"
        begun = await ctx.effect(key, create=start)
        ctx.logger.info(f"Pipeline run URL: {begun['url']}")
        is_late = await _waited(ctx, api, f"{runs}/{begun['id']}")
        run = await api.call("GET", f"{runs}/{begun['id']}")
    result = _result(run)
    if wanted.fail_if_not_successful and result != "Succeeded":
        raise ForeignError(f"Pipeline run was not successful: {result}, see {begun['url']}")
    outputs = {
        "pipelineRunUrl": run["_links"]["web"]["href"],
        "pipelineRunId": run["id"],
        "pipelineRunStatus": result,
        "pipelineTimeoutExceeded": is_late,
    }
    return outputs | ({"pipelineOutput": run["variables"]} if run.get("variables") else {})


def _asked(wanted: Run) -> JsonObject:
    branch = f"refs/heads/{wanted.branch or 'main'}"
    body: JsonObject = {"resources": {"repositories": {"self": {"refName": branch}}}}
    given = wanted.template_parameters
    return body if given is None else {**body, "templateParameters": dict(given)}


def _result(run: Json) -> str:
    """Return how a run ended, in the module's words: Azure's begin with a small letter."""
    return str(run.get("result") or _UNKNOWN).capitalize()


async def _waited(ctx: ActionContext[Run], api: RestApi, run: str) -> bool:
    """Wait for the end of a run, and say whether that took too long."""
    every, longest, waited = ctx.input.polling_interval, ctx.input.pipeline_timeout, 0.0
    while every > 0:
        await ctx.sleep(every)
        waited += every
        state = str((await api.call("GET", run)).get("state") or "unknown")
        ctx.logger.info(f"Pipeline run state: {state}")
        if longest is not None and waited > longest:
            return True
        if state != "inProgress":
            break
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A resource, and whether a pipeline may use it."""

    organization: str
    project: str
    pipeline_id: str
    resource_id: str
    resource_type: str
    host: str = client.HOST
    api_version: str = "7.1-preview.1"
    authorized: bool = True
    token: str | None = None


@builtin("azure:pipeline:permit", Permit, needs_workspace=False)
async def azure_pipeline_permit(ctx: ActionContext[Permit]) -> None:
    """Let a pipeline use a resource, or take that away; a refusal is a warning, as in Backstage."""
    wanted = ctx.input
    body: JsonObject = {"pipelines": [{"id": _number(wanted.pipeline_id), "authorized": wanted.authorized}]}
    async with client.opened(ctx, wanted.host, wanted.organization, wanted.token, client.PERMIT) as (api, _):
        resource = await _resource(ctx, api)
        where = azure.path(
            "/{project}/_apis/pipelines/pipelinepermissions/{kind}/{resource}",
            project=wanted.project,
            kind=wanted.resource_type,
            resource=resource,
        )

        async def permit() -> None:
            await api.call("PATCH", where, body, query={"api-version": wanted.api_version})

        key = f"permit.{wanted.organization}.{wanted.project}.{wanted.pipeline_id}.{wanted.resource_type}.{resource}"
        try:
            await hosting.once(ctx, key, permit)
        except BackstageError as error:
            if not error.is_refusal:
                raise
            ctx.logger.warning(f"Failed to authorize pipeline: {error.message}; asked for {dump_json(body).decode()}")
            return
    done = "authorized" if wanted.authorized else "unauthorized"
    ctx.logger.info(
        f"Pipeline {wanted.pipeline_id} in project {wanted.project} has been {done} for resource {resource} of type "
        f"{wanted.resource_type}."
    )


async def _resource(ctx: ActionContext[Permit], api: RestApi) -> str:
    """Return the resource's id; that of a repository has the project's id before it."""
    wanted = ctx.input
    if wanted.resource_type != "repository" or "." in wanted.resource_id:
        return wanted.resource_id
    project = await api.call("GET", azure.path("/_apis/projects/{project}", project=wanted.project))
    if not project or not project.get("id"):
        raise InputError(f'Could not retrieve project ID for project "{wanted.project}"')
    return f"{project['id']}.{wanted.resource_id}"


def _number(text: str) -> int:
    """Return the number at the start of a text, as JavaScript's ``parseInt`` does.

    Raises:
        InputError: there is none.
    """
    found = re.match(r"\s*(\d+)", text)
    if not found:
        raise InputError(f"The pipelineId '{text}' is no number")
    return int(found[1])
