"""``github:actions:dispatch``."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.plugin import ActionContext, BackstageError, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A workflow and where it runs."""

    repo_url: str
    workflow_id: str
    branch_or_tag_name: str
    workflow_inputs: Mapping[str, str] | None = None
    return_workflow_run_details: bool = False
    token: str | None = None


@builtin("github:actions:dispatch", Dispatch, needs_workspace=False)
async def github_actions_dispatch(ctx: ActionContext[Dispatch]) -> JsonObject | None:
    """Start a workflow, at most once.

    GitHub gives a run nothing by which it could be recognised. When the answer is lost, the step therefore fails once
    and says that somebody has to look; a retry after that starts the workflow.
    """
    wanted = ctx.input
    ctx.logger.info(
        f"Dispatching workflow {wanted.workflow_id} for repo {wanted.repo_url} on {wanted.branch_or_tag_name}"
    )
    body: JsonObject = {"ref": wanted.branch_or_tag_name}
    if wanted.workflow_inputs is not None:
        body["inputs"] = dict(wanted.workflow_inputs)
    if wanted.return_workflow_run_details:
        body["return_run_details"] = True
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        async def dispatch(_marker: str) -> JsonObject:
            started = await target.call(
                "POST", "/actions/workflows/{workflow}/dispatches", body, workflow=wanted.workflow_id
            )
            ctx.logger.info(f"Workflow {wanted.workflow_id} dispatched successfully")
            return started if isinstance(started, dict) else {}

        key = f"create.workflow.dispatch.{target.owner}.{target.name}.{wanted.workflow_id}"
        try:
            started = await ctx.effect(key, create=dispatch)
        except BackstageError as error:
            ctx.logger.warning(
                f"Failed: dispatching workflow '{wanted.workflow_id}' on repo: '{target.name}', {error.message}"
            )
            raise
    if not started or not wanted.return_workflow_run_details:
        return None
    if page := started.get("html_url"):
        ctx.logger.info(f"Workflow run url: {page}")
    details = {
        "workflowRunId": started.get("workflow_run_id"),
        "workflowRunUrl": started.get("run_url"),
        "workflowRunHtmlUrl": started.get("html_url"),
    }
    return {name: value for name, value in details.items() if value is not None}
