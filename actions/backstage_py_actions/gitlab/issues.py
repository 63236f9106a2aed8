"""``gitlab:issues:create`` and ``gitlab:issue:edit``."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backstage_py.integrations import gitlab
from backstage_py.integrations.forges.gitlab import Project
from backstage_py.plugin import ActionContext, InputError, Json, JsonObject
from backstage_py.plugin.formats import parse_repo_url
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A new issue."""

    repo_url: str
    title: str
    token: str | None = None
    project_id: str | int | None = None
    assignees: list[int] = field(default_factory=list)
    confidential: bool = False
    description: str = ""
    created_at: str = ""
    due_date: str | None = None
    discussion_to_resolve: str = ""
    epic_id: int | None = None
    labels: str = ""
    issue_type: str | None = None
    merge_request_to_resolve_discussions_of: int | None = None
    milestone_id: int | None = None
    weight: float | None = None


@builtin("gitlab:issues:create", Issue, needs_workspace=False, extra=client.EXTRA)
async def gitlab_issues_create(ctx: ActionContext[Issue]) -> JsonObject:
    """Open an issue."""
    wanted = ctx.input
    with hosting.as_input_error("Failed to create GitLab issue:"):
        where = parse_repo_url(wanted.repo_url, ctx.integrations)
        ref = client.number(wanted.project_id).strip() if wanted.project_id is not None else where.project
        async with client.opened(ctx, where.host, wanted.token) as api:
            project = Project(api, where.host, ref or f"{where.owner}/{where.repo}")
            key = f"{where.host}.{project.ref}.{wanted.title}"
            epic = await _epic(ctx, project, wanted.epic_id, f"epic.{key}")
            given = {
                "title": wanted.title,
                "assignee_ids": wanted.assignees,
                "confidential": wanted.confidential,
                "epic_id": epic,
                "labels": wanted.labels,
                "created_at": _moment(wanted.created_at, ctx.clock.now()),
                "due_date": _moment(wanted.due_date, ctx.clock.now()) if wanted.due_date else None,
                "discussion_to_resolve": wanted.discussion_to_resolve,
                "issue_type": wanted.issue_type,
                "merge_request_to_resolve_discussions_of": wanted.merge_request_to_resolve_discussions_of,
                "milestone_id": wanted.milestone_id,
                "weight": wanted.weight,
            }
            body = {name: value for name, value in given.items() if value is not None}
            return await _create(ctx, project, body, f"issue.{key}")


async def _create(ctx: ActionContext[Issue], project: Project, body: JsonObject, key: str) -> JsonObject:
    async def create(marker: str) -> JsonObject:
        text = hosting.marked(ctx.input.description, marker)
        return _made(await project.call("POST", "/issues", {**body, "description": text}))

    async def find(marker: str) -> JsonObject | None:
        newest = await project.call("GET", "/issues", query={"per_page": "100", "scope": "all"})
        return next((_made(one) for one in newest if marker in str(one["description"])), None)

    return await ctx.effect(key, create=create, find=find)


def _made(issue: Json) -> JsonObject:
    return {"issueId": issue["id"], "issueUrl": issue["web_url"], "issueIid": issue["iid"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an issue becomes."""

    repo_url: str
    project_id: int
    issue_iid: int
    token: str | None = None
    add_labels: str | None = None
    assignees: list[int] = field(default_factory=list)
    confidential: bool = False
    description: str | None = None
    discussion_locked: bool = False
    due_date: str | None = None
    epic_id: int | None = None
    issue_type: str | None = None
    labels: str | None = None
    milestone_id: int | None = None
    remove_labels: str | None = None
    state_event: str | None = None
    title: str | None = None
    updated_at: str = ""
    weight: float | None = None


@builtin("gitlab:issue:edit", Edit, needs_workspace=False, extra=client.EXTRA)
async def gitlab_issue_edit(ctx: ActionContext[Edit]) -> JsonObject:
    """Change an issue; assignees, confidentiality and the lock are set to what is not given, as in Backstage."""
    wanted = ctx.input
    with hosting.as_input_error("Failed to edit/modify GitLab issue:"):
        async with client.numbered(ctx, wanted.repo_url, wanted.project_id, wanted.token) as project:
            number = client.number(wanted.issue_iid)
            given = {
                "add_labels": wanted.add_labels,
                "assignee_ids": wanted.assignees,
                "confidential": wanted.confidential,
                "description": wanted.description,
                "discussion_locked": wanted.discussion_locked,
                "due_date": wanted.due_date,
                "epic_id": await _epic(ctx, project, wanted.epic_id, f"epic.{project.ref}.{number}"),
                "issue_type": wanted.issue_type,
                "labels": wanted.labels,
                "milestone_id": wanted.milestone_id,
                "remove_labels": wanted.remove_labels,
                "state_event": wanted.state_event,
                "title": wanted.title,
                "updated_at": _moment(wanted.updated_at, ctx.clock.now()),
                "weight": wanted.weight,
            }
            body = {name: value for name, value in given.items() if value is not None}

            async def edit() -> Json:
                return _edited(await project.call("PUT", "/issues/{iid}", body, iid=number))

            edited: JsonObject = await ctx.checkpoint(f"issue.edit.{project.ref}.{number}", edit)
            return edited


def _edited(issue: Json) -> JsonObject:
    return {
        "issueId": issue["id"],
        "projectId": issue["project_id"],
        "issueUrl": issue["web_url"],
        "issueIid": issue["iid"],
        "title": issue["title"],
        "state": issue["state"],
        "updatedAt": issue["updated_at"],
    }


async def _epic(ctx: ActionContext[Any], project: Project, epic: int | None, key: str) -> int | None:
    """Return an epic if the project may use it: it belongs to one of the groups that the project is in."""
    if not epic:
        return None

    async def look() -> Json:
        return await _is_in_scope(project, int(epic))

    with hosting.as_input_error("Could not find epic scope:"):
        in_scope = await ctx.checkpoint(key, look)
    if in_scope:
        ctx.logger.info("Epic is within Project Scope")
        return int(epic)
    ctx.logger.warning(
        "Chosen epic is not within the Project Scope. The issue will be created without an associated epic."
    )
    return None


async def _is_in_scope(project: Project, epic: int) -> bool:
    found = await project.call("GET")
    top = await _group(project, found["namespace"]["id"])
    while top.get("parent_id"):
        top = await _group(project, top["parent_id"])
    epics = await project.api.list(gitlab.path("/groups/{group}/epics", group=str(top["id"])))
    wanted = next((one for one in epics if one["id"] == epic), None)
    if wanted is None:
        raise InputError(f"Epic with id {epic} not found in the top-level parent group {top['name']}.")
    group = await _group(project, wanted["group_id"])
    return str(found["path_with_namespace"]).startswith(str(group["full_path"]))


async def _group(project: Project, number: int) -> Json:
    return await project.api.call("GET", gitlab.path("/groups/{group}", group=str(number)))


def _moment(given: str, now: datetime) -> str:
    """Return a moment as JavaScript reads and writes it, in UTC with milliseconds; now when none is given."""
    found = gitlab.moment(given) if given else now
    return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
