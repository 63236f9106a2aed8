"""``azure:pr:create``, and ``azure:repo:pr`` as templates for an older package have it."""

from dataclasses import dataclass
from typing import Any

from backstage_py.integrations import azure
from backstage_py.integrations.forges.azure import Repository
from backstage_py.integrations.forges.forge import Request
from backstage_py.plugin import ActionContext, InputError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.azure import client

_STRATEGIES = {"NoFastForward": 1, "Squash": 2, "Rebase": 3, "RebaseMerge": 4}
"""How Azure numbers them."""
_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A branch and how it is proposed."""

    title: str
    repo_name: str
    project: str
    organization: str = "not-empty"
    source_branch: str = "scaffolder"
    target_branch: str = "main"
    description: str = ""
    supports_iterations: bool | None = None
    server: str = client.HOST
    token: str | None = None
    auto_complete: bool = False
    merge_strategy: str | None = None
    work_item_id: str | None = None


@builtin("azure:pr:create", PullRequest, needs_workspace=False)
async def azure_pr_create(ctx: ActionContext[PullRequest]) -> JsonObject:
    """Open a pull request, have it merged by itself and link a work item, as wanted."""
    return await create(ctx, ctx.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderPullRequest:
    """A branch and how it is proposed, in the words of the older package."""

    repo_id: str
    title: str
    organization: str = "not-empty"
    source_branch: str = "scaffolder"
    target_branch: str = "main"
    description: str = ""
    project: str | None = None
    supports_iterations: bool | None = None
    server: str = client.HOST
    token: str | None = None
    auto_complete: bool = False
    work_item_id: str | None = None


@builtin("azure:repo:pr", OlderPullRequest, needs_workspace=False)
async def azure_repo_pr(ctx: ActionContext[OlderPullRequest]) -> JsonObject:
    """Do as ``azure:pr:create``."""
    given = ctx.input
    if not given.project:
        raise InputError("The input 'project' is needed to find the repository")
    wanted = PullRequest(
        title=given.title,
        repo_name=given.repo_id,
        project=given.project,
        organization=given.organization,
        source_branch=given.source_branch,
        target_branch=given.target_branch,
        description=given.description,
        supports_iterations=given.supports_iterations,
        server=given.server,
        token=given.token,
        auto_complete=given.auto_complete,
        work_item_id=given.work_item_id,
    )
    return await create(ctx, wanted)


async def create(ctx: ActionContext[Any], wanted: PullRequest) -> JsonObject:
    """Open a pull request; see ``azure_pr_create``."""
    item, strategy = _work_item(wanted), _strategy(wanted) if wanted.auto_complete else 0
    opened = client.opened(ctx, wanted.server, wanted.organization, wanted.token, client.WRITE)
    async with opened as (api, git):
        place = Repository(api, wanted.server, wanted.organization, wanted.project, wanted.repo_name, git)
        iterations = wanted.supports_iterations
        request = Request(
            branch=wanted.source_branch,
            target=wanted.target_branch,
            title=wanted.title,
            description=wanted.description,
            options={} if iterations is None else {"supportsIterations": iterations},
        )
        key = f"create.pr.{place.label}.{wanted.source_branch}.{wanted.target_branch}"
        made = await hosting.open_request(ctx, place, request, key, _shown)
        number = int(made["number"])
        if wanted.auto_complete:
            await _merge_later(ctx, place, made, strategy)
        if item:
            await _link(ctx, place, number, item)
    return {"pullRequestId": number}


def _shown(request: Json) -> JsonObject:
    number = request.get("pullRequestId")
    if number is None:
        raise InputError("Failed to create pull request: No pull request ID returned")
    return {"number": number, "by": (request.get("createdBy") or {}).get("id")}


def _work_item(wanted: PullRequest) -> int | None:
    if not wanted.work_item_id:
        return None
    try:
        return int(wanted.work_item_id)
    except ValueError as error:
        raise InputError("If specified, Work Item ID must be a number") from error


def _strategy(wanted: PullRequest) -> int:
    strategy = wanted.merge_strategy or "RebaseMerge"
    if strategy not in _STRATEGIES:
        raise InputError(f'Invalid mergeStrategy "{strategy}". Allowed values: {", ".join(_STRATEGIES)}')
    return _STRATEGIES[strategy]


async def _merge_later(ctx: ActionContext[Any], place: Repository, made: JsonObject, strategy: int) -> None:
    """Have it merged once the policies are met; the branch goes then."""
    body: JsonObject = {
        "autoCompleteSetBy": {"id": made["by"]},
        "completionOptions": {"deleteSourceBranch": True, "mergeStrategy": strategy},
    }

    async def merge() -> None:
        await place.call("PATCH", f"{place.path}/pullrequests/{made['number']}", body)

    ctx.logger.info(f"Setting auto-complete on PR {made['number']}")
    await hosting.once(ctx, f"auto.complete.{place.label}.{made['number']}", merge)


async def _link(ctx: ActionContext[Any], place: Repository, number: int, item: int) -> None:
    """Link a work item, once; one that has the link is linked."""
    ctx.logger.info(f"Associating work item {item} with PR {number}")
    work_item = f"/wit/workitems/{item}"

    async def link(_marker: str) -> bool:
        relation = {
            "rel": "ArtifactLink",
            "url": await _artifact(place, number),
            "attributes": {"name": "Pull Request"},
        }
        patch = [{"op": "add", "path": "/relations/-", "value": relation}]
        path = azure.path("/{project}/_apis" + work_item, project=place.project)
        await place.api.call("PATCH", path, patch, kind=_PATCH)
        return True

    async def find(_marker: str) -> bool | None:
        known = await place.call("GET", work_item, query={"$expand": "relations"})
        artifact = await _artifact(place, number)
        return True if any(one["url"] == artifact for one in known.get("relations") or ()) else None

    await ctx.effect(f"link.{place.label}.{number}.{item}", create=link, find=find)


async def _artifact(place: Repository, number: int) -> str:
    """Return what Azure calls a pull request where things are linked."""
    project = (await place.api.call("GET", azure.path("/_apis/projects/{project}", project=place.project)))["id"]
    of_project = azure.path("/{project}/_apis", project=str(project))
    repository = await place.api.call("GET", of_project + azure.path("/git/repositories/{name}", name=place.name))
    if not repository or not repository.get("id"):
        raise InputError(f"Repository {place.name} not found")
    path = f"{of_project}/git/repositories/{repository['id']}/pullrequests/{number}"
    return str((await place.api.call("GET", path))["artifactId"])
