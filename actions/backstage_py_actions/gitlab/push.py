"""``gitlab:repo:push``: a commit on a branch that may be there."""

from dataclasses import dataclass

from backstage_py.integrations.forges.gitlab import Project
from backstage_py.plugin import ActionContext, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client, commits

_NO_BRANCH = (
    "Please make sure that branch already exists or Backstage has permissions to create one."  # Backstage's words
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What is committed, and where to."""

    repo_url: str
    branch_name: str
    commit_message: str
    source_path: str | None = None
    target_path: str | None = None
    token: str | None = None
    commit_action: str | None = None
    allow_empty: bool | None = None


@builtin("gitlab:repo:push", Push, extra=client.EXTRA)
async def gitlab_repo_push(ctx: ActionContext[Push]) -> JsonObject:
    """Commit the files of the workspace to a branch."""
    wanted = ctx.input
    async with client.project(ctx, wanted.repo_url, wanted.token) as project:
        outputs: JsonObject = {"projectid": project.ref, "projectPath": project.ref}
        folder, key = commits.folder_of(ctx, wanted.source_path), f"{project.ref}.{wanted.branch_name}"
        made = await commits.changes(ctx, project, folder, wanted.branch_name, wanted.target_path, wanted.commit_action)

        async def look() -> Json:
            return {"commit": await _tip(project, wanted.branch_name), "changes": bool(made.actions)}

        before: JsonObject = await ctx.checkpoint(f"before.push.{key}", look)
        tip = before["commit"] or await _branch(ctx, project)
        if not before["changes"] and not wanted.allow_empty:
            ctx.logger.warning(
                f"No file changes to commit to {project.ref} on branch '{wanted.branch_name}'; skipping commit. "
                "Set 'allowEmpty: true' to create an empty commit."
            )
            return outputs
        advice = (
            "Please check that none of the files created by the template already exists."
            if wanted.commit_action == "create"
            else "Please verify that all files you're trying to modify exist in the repository."
        )
        with hosting.as_input_error(f"Committing the changes to {wanted.branch_name} failed. {advice}"):
            more = {} if wanted.allow_empty is None else {"allow_empty": wanted.allow_empty}
            place = commits.Place(wanted.branch_name, str(tip), wanted.commit_message)
            outputs["commitHash"] = await commits.commit(ctx, project, made, place, more)
    return outputs


async def _tip(project: Project, branch: str) -> str | None:
    with hosting.as_input_error(f"Failed to check status of branch '{branch}'. {_NO_BRANCH}"):
        found = await project.get("/repository/branches/{branch}", branch=branch)
    return str(found["commit"]["id"]) if found else None


async def _branch(ctx: ActionContext[Push], project: Project) -> str:
    name = ctx.input.branch_name
    with hosting.as_input_error(f"The branch '{name}' was not found and creation failed with error. {_NO_BRANCH}"):
        start = str((await project.call("GET"))["default_branch"])
        return await commits.create_branch(ctx, project, name, start)
