"""``publish:gitlab:merge-request``: a commit on a branch, and a merge request for it."""

from dataclasses import dataclass

from backstage_py.integrations.forges.forge import Request
from backstage_py.integrations.forges.gitlab import Project
from backstage_py.plugin import ActionContext, BackstageError, InputError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client, commits
from backstage_py_actions.gitlab.commits import Changes

_UNSETTLED = frozenset({"preparing", "approvals_syncing", "checking"})
_BETWEEN, _LOOKS = 1.0, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """The change and how it is proposed."""

    repo_url: str
    title: str
    branch_name: str
    description: str | None = None
    target_branch_name: str | None = None
    source_path: str | None = None
    target_path: str | None = None
    token: str | None = None
    commit_action: str | None = None
    projectid: str | None = None
    remove_source_branch: bool = False
    assignee: str | None = None
    reviewers: list[str] | None = None
    assign_reviewers_from_approval_rules: bool = False
    labels: str | list[str] | None = None
    auto_merge: bool = False


@builtin("publish:gitlab:merge-request", MergeRequest, extra=client.EXTRA)
async def publish_gitlab_merge_request(ctx: ActionContext[MergeRequest]) -> JsonObject:
    """Commit the files of the workspace to a branch and open a merge request for it."""
    wanted = ctx.input
    async with client.project(ctx, wanted.repo_url, wanted.token) as project:
        assignee = await _user(ctx, project, wanted.assignee, "an assignee") if wanted.assignee is not None else None
        reviewers = None
        if wanted.reviewers is not None:
            users = [await _user(ctx, project, one, "reviewer") for one in wanted.reviewers]
            reviewers = [one for one in users if one is not None]
        folder = commits.folder_of(ctx, wanted.source_path or wanted.target_path)
        target = wanted.target_branch_name or await _default_branch(project)
        made = await commits.changes(ctx, project, folder, target, wanted.target_path, wanted.commit_action)
        commit = await _commit(ctx, project, made, target)
        request = Request(
            branch=wanted.branch_name,
            target=target,
            title=wanted.title,
            description=wanted.description,
            commit=commit,
            options=_options(wanted, assignee, reviewers),
        )
        with hosting.as_input_error("Merge request creation failed."):
            key = f"create.mr.{project.ref}.{wanted.branch_name}"
            opened = await hosting.open_request(ctx, project, request, key, _shown)
        if wanted.assign_reviewers_from_approval_rules:
            await _ask_approvers(ctx, project, str(opened["iid"]), reviewers or [])
        if wanted.auto_merge:
            await _merge_later(ctx, project, str(opened["iid"]))
    return {
        "projectid": project.ref,
        "targetBranchName": target,
        "projectPath": project.ref,
        "mergeRequestUrl": opened["url"],
    }


def _options(wanted: MergeRequest, assignee: int | None, reviewers: list[int] | None) -> JsonObject:
    given = {
        "remove_source_branch": wanted.remove_source_branch,
        "assignee_id": assignee,
        "reviewer_ids": reviewers,
        "labels": wanted.labels,
    }
    return {name: value for name, value in given.items() if value is not None}


def _shown(request: Json) -> JsonObject:
    return {"iid": request["iid"], "url": request["web_url"]}


async def _user(ctx: ActionContext[MergeRequest], project: Project, name: str, role: str) -> int | None:
    """Return the number of a user; one that is not found is left out with a warning, as in Backstage."""
    try:
        found = await project.api.call("GET", "/users", query={"username": name})
    except BackstageError as error:
        if not error.is_refusal:
            raise
        found, reason = [], error.message
    else:
        reason = "there is no such user"
    if found:
        return int(found[0]["id"])
    ctx.logger.warning(
        f"Failed to find gitlab user id for {name}: {reason}. Proceeding with MR creation without {role}."
    )
    return None


async def _default_branch(project: Project) -> str:
    found = (await project.call("GET")).get("default_branch")
    if not found:
        raise InputError(
            "The branch creation failed. Target branch was not provided, and could not find default branch from "
            f"project settings. Project: {project.ref}"
        )
    return str(found)


async def _commit(ctx: ActionContext[MergeRequest], project: Project, made: Changes, target: str) -> str | None:
    """Put the changes on the branch, which must be a new one, and return the commit; None when nothing changes."""
    wanted, key = ctx.input, f"{project.ref}.{ctx.input.branch_name}"

    async def look() -> Json:
        return await _before(ctx, project, made)

    before: JsonObject = await ctx.checkpoint(f"before.mr.{key}", look)
    if before["there"]:
        ctx.logger.info(f"Using existing branch {wanted.branch_name} without modification.")
        return None
    with hosting.as_input_error(
        "The branch creation failed. Please check that your repo does not already contain a branch named "
        f"'{wanted.branch_name}'."
    ):
        start = await commits.create_branch(ctx, project, wanted.branch_name, target)
    if not before["changes"]:
        return start
    with hosting.as_input_error(
        f"Committing the changes to {wanted.branch_name} failed. Please check that none of the files created by the "
        "template already exists."
    ):
        place = commits.Place(wanted.branch_name, start, wanted.title)
        return await commits.commit(ctx, project, made, place, {})


async def _before(ctx: ActionContext[MergeRequest], project: Project, made: Changes) -> JsonObject:
    """Return whether the branch is there before this task, and whether there are changes for it.

    Raises:
        InputError: both are so.
    """
    found = await project.get("/repository/branches/{branch}", branch=ctx.input.branch_name)
    if found and made.actions:
        query = {"source_branch": ctx.input.branch_name}
        known = await project.call("GET", "/merge_requests", query=query)
        also = f" Additionally, there is a Merge Request for this branch: {known[0]['web_url']}" if known else ""
        raise InputError(f"The branch creation failed because the branch already exists at: {found['web_url']}.{also}")
    return {"there": found is not None, "changes": bool(made.actions)}


async def _ask_approvers(ctx: ActionContext[MergeRequest], project: Project, number: str, reviewers: list[int]) -> None:
    """Ask those who may approve by the project's rules; a refusal is a warning, as in Backstage."""

    async def ask() -> Json:
        users = await _approvers(ctx, project, number)
        if users:
            everybody = list(dict.fromkeys([*users, *reviewers]))
            await project.call("PUT", "/merge_requests/{iid}", {"reviewer_ids": everybody}, iid=number)
        return None

    try:
        await ctx.checkpoint(f"reviewers.{project.ref}.{number}", ask)
    except BackstageError as error:
        if not error.is_refusal:
            raise
        ctx.logger.warning(f"Failed to assign reviewers from approval rules: {error.message}.")


async def _approvers(ctx: ActionContext[MergeRequest], project: Project, number: str) -> list[int]:
    """Return the users of the rules as soon as GitLab has worked them out."""
    for _ in range(_LOOKS):
        found = await project.call("GET", "/merge_requests/{iid}", iid=number)
        if found.get("detailed_merge_status") not in _UNSETTLED:
            break
        ctx.logger.info(str(found["detailed_merge_status"]))
        await ctx.sleep(_BETWEEN)
    rules = await project.list("/merge_requests/{iid}/approval_rules", iid=number)
    return [int(user["id"]) for rule in rules for user in rule.get("eligible_approvers") or ()]


async def _merge_later(ctx: ActionContext[MergeRequest], project: Project, number: str) -> None:
    async def merge() -> Json:
        await project.call("PUT", "/merge_requests/{iid}/merge", {"auto_merge": True}, iid=number)
        return None

    with hosting.as_input_error(f"Enabling auto-merge for merge request {number} failed."):
        await ctx.checkpoint(f"auto.merge.{project.ref}.{number}", merge)
