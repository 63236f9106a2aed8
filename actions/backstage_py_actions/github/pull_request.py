"""``publish:github:pull-request``: a commit on a branch, and a pull request for it."""

import base64
import posixpath
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.integrations.forges.forge import Request
from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import (
    ActionContext,
    BackstageError,
    ConflictError,
    ForeignError,
    InputError,
    Json,
    JsonObject,
    NotFoundError,
)
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions._committed import File, files_of
from backstage_py_actions.github import client, fork

_DRY_RUN_NUMBER = 43
_MOST_ASSIGNEES = 10
_LARGEST_INLINE = 64 * 1024
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """The change and how it is proposed."""

    repo_url: str
    branch_name: str
    title: str
    description: str
    files_to_delete: list[str] = field(default_factory=list)
    target_branch_name: str | None = None
    draft: bool = False
    source_path: str | None = None
    target_path: str = ""
    token: str | None = None
    reviewers: list[str] | None = None
    assignees: list[str] | None = None
    team_reviewers: list[str] | None = None
    commit_message: str | None = None
    update: bool = False
    force_fork: bool = False
    git_author_name: str | None = None
    git_author_email: str | None = None
    force_empty_git_author: bool = False
    create_when_empty: bool = True


@builtin("publish:github:pull-request", PullRequest, dry_run=True)
async def publish_github_pull_request(ctx: ActionContext[PullRequest]) -> JsonObject | None:
    """Commit the files of the workspace to a branch and open a pull request for it."""
    wanted = ctx.input
    _check_paths(wanted)
    folder = ctx.workspace.path(wanted.source_path) if wanted.source_path else ctx.workspace.root
    client.locate(ctx, wanted.repo_url)
    if ctx.is_dry_run:
        ctx.logger.info("Performing dry run of creating pull request")
        ctx.logger.info("Dry run complete")
        return {
            "targetBranchName": wanted.branch_name,
            "remoteUrl": wanted.repo_url,
            "pullRequestNumber": _DRY_RUN_NUMBER,
        }
    if not folder.is_dir():  # in a dry run a step that is skipped may be the one that makes it
        raise InputError(f"The workspace has no folder '{wanted.source_path}'; check 'sourcePath'")
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        try:
            return await _propose(ctx, target, folder)
        except BackstageError as error:
            raise error.reworded(f"Pull request creation failed; caused by {error.message}") from error


async def _propose(ctx: ActionContext[PullRequest], target: Repository, folder: Path) -> JsonObject | None:
    wanted = ctx.input
    key = f"{target.owner}.{target.name}.{wanted.branch_name}"
    change = await _put_on_branch(ctx, target, folder, key)
    if not change:
        if wanted.create_when_empty:
            raise ForeignError("null response from Github")
        ctx.logger.info("No changes to commit, pull request was not created")
        return None
    made = await _open_once(ctx, target, change, key)
    number = int(made["number"])
    await _ask_reviewers(ctx, target, number)
    await _assign(ctx, target, number)
    return {"targetBranchName": made["base"], "remoteUrl": made["url"], "pullRequestNumber": number}


async def _put_on_branch(ctx: ActionContext[PullRequest], target: Repository, folder: Path, key: str) -> JsonObject:
    """Commit the files and move the branch to the commit, once per task; nothing when nothing changed.

    The commit is kept before the branch moves, so a step that runs again knows its own branch. When somebody else was
    faster with a branch that is updated, the files are committed on top of that.
    """
    tries = _TRIES if ctx.input.update else 1

    async def commit() -> Json:
        return await _commit_files(ctx, target, folder)

    for number in range(1, tries + 1):
        change: JsonObject = await ctx.checkpoint(f"create.pr.commit.{key}.{number}", commit)
        try:
            if change:
                await _move_branch(ctx, target, change, f"create.pr.branch.{key}.{number}")
        except BackstageError as error:
            if not error.is_refusal or number == tries:
                raise
        else:
            return change
    raise AssertionError("the loop returns or raises")


async def _commit_files(ctx: ActionContext[PullRequest], target: Repository, folder: Path) -> Json:
    """Make the commit, which no branch has yet; None when nothing changed and that is no reason to propose it."""
    wanted = ctx.input
    base = wanted.target_branch_name or str((await target.call("GET"))["default_branch"])
    head = await fork.writable(target, force=wanted.force_fork)
    if (head.owner, head.name, wanted.branch_name) == (target.owner, target.name, base):
        raise InputError(f"The branch '{base}' cannot be proposed to itself; choose another 'branchName'")
    tip = await _head_commit(head, wanted.branch_name)
    replaced = await _to_replace(target, head, wanted, tip) if tip else None
    parent = (None if replaced else tip) or await _head_commit(target, base)
    if not parent:
        raise NotFoundError(f"The branch '{base}' does not exist in {target.owner}/{target.name}")
    tree = str((await head.call("GET", "/git/commits/{sha}", sha=parent))["tree"]["sha"])
    changed = await _write_tree(head, tree, folder, wanted)
    if changed == tree and not wanted.create_when_empty:
        return None
    hosting.tell_unsigned(ctx, target.host)
    commit = await head.call("POST", "/git/commits", _commit(ctx, changed, parent))
    change = {"owner": head.owner, "repo": head.name, "base": base, "sha": str(commit["sha"]), "isNew": tip is None}
    return change | ({"replaces": replaced} if replaced else {})


async def _to_replace(target: Repository, head: Repository, wanted: PullRequest, tip: str) -> str | None:
    """Return the commit of a branch that gives way to the new one; None where the new one comes on top of it.

    As in Backstage, a branch of a pull request begins anew from its base: one that is open with ``update``, one that
    was left behind (closed or merged) always. GitHub keeps the commits of pull requests, so nothing is lost. Backstage
    does that to any branch; one that nobody has proposed has the only copy of somebody's work, and keeps it.

    Raises:
        ConflictError: the branch is there, and nobody asked for ``update``.
    """
    query = {"head": f"{head.owner}:{wanted.branch_name}", "state": "all", "per_page": "100"}
    known = await target.api.call("GET", target.path("/pulls"), query=query)
    opened = next((one for one in known if one["state"] == "open"), None)
    was_proposed = tip in [one["head"]["sha"] for one in known]
    if not wanted.update and (opened or not was_proposed):
        also, what = (f", and {opened['html_url']} is open for it", "replace") if opened else ("", "commit to")
        raise ConflictError(
            f"The branch '{wanted.branch_name}' exists already in {head.owner}/{head.name}{also}; choose another name "
            f"or set 'update' to {what} it"
        )
    return tip if was_proposed else None


def _head(target: Repository, change: JsonObject) -> Repository:
    return Repository(target.api, target.host, change["owner"], change["repo"])


async def _move_branch(ctx: ActionContext[PullRequest], target: Repository, change: JsonObject, key: str) -> None:
    """Make or move the branch; one that is at the commit, which is this task's, is as wanted."""
    head, branch, sha = _head(target, change), ctx.input.branch_name, str(change["sha"])

    async def move(_marker: str) -> str:
        if replaced := change.get("replaces"):
            ctx.logger.info(f"The branch '{branch}', which was at {replaced}, begins anew from '{change['base']}'")
            await _replace_branch(head, branch, str(replaced), sha)
        else:
            await _set_branch(head, branch, sha, is_new=change["isNew"])
        return sha

    async def find(_marker: str) -> str | None:
        return sha if await _head_commit(head, branch) == sha else None

    await ctx.effect(key, create=move, find=find)


async def _open_once(ctx: ActionContext[PullRequest], target: Repository, change: JsonObject, key: str) -> JsonObject:
    """Open the pull request; one of this branch with the commit of this task in front is this task's."""
    wanted = ctx.input
    request = Request(
        branch=wanted.branch_name,
        owner=change["owner"],
        target=str(change["base"]),
        title=wanted.title,
        description=wanted.description,
        commit=str(change["sha"]),
        options={"draft": wanted.draft},
    )
    if wanted.update and (updated := await _update_open(target, request)):
        return updated
    return await hosting.open_request(ctx, target, request, f"create.pr.{key}", _opened)


async def _update_open(target: Repository, request: Request) -> JsonObject | None:
    """Give the pull request that is open for the branch the title, description and target; None when there is none."""
    found = await _open_for(target, f"{request.owner}:{request.branch}")
    if not found:
        return None
    change = {"title": request.title, "body": request.description, "base": request.target}
    return _opened(await target.call("PATCH", "/pulls/{number}", change, number=str(found["number"])))


async def _open_for(target: Repository, head: str) -> Json:
    found = await target.api.call("GET", target.path("/pulls"), query={"head": head, "state": "open"})
    return found[0] if found else None


async def _head_commit(repository: Repository, branch: str) -> str | None:
    try:
        found = await repository.call("GET", "/git/ref/heads/{branch}", branch=branch)
    except (NotFoundError, ConflictError):  # 409: the repository is empty
        return None
    return str(found["object"]["sha"])


async def _set_branch(repository: Repository, branch: str, commit: str, *, is_new: bool) -> None:
    if is_new:
        await repository.call("POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": commit})
    else:
        await repository.call("PATCH", "/git/refs/heads/{branch}", {"sha": commit, "force": False}, branch=branch)


async def _replace_branch(repository: Repository, branch: str, before: str, commit: str) -> None:
    """Put a branch onto another commit that does not come after what it has.

    Raises:
        ConflictError: somebody pushed to it meanwhile.
    """
    if await _head_commit(repository, branch) != before:
        raise ConflictError(f"Somebody pushed to the branch '{branch}' meanwhile; choose another name")
    await repository.call("PATCH", "/git/refs/heads/{branch}", {"sha": commit, "force": True}, branch=branch)


async def _write_tree(repository: Repository, base: str, folder: Path, wanted: PullRequest) -> str:
    """Write the files on top of a tree; later entries win, so that ``filesToDelete`` does."""
    entries: dict[str, JsonObject] = {}
    for file in await files_of(folder):
        path = _in_repository(wanted.target_path, file.path)
        entries[path] = {"path": path, "mode": file.mode, "type": "blob", **await _content(repository, file)}
    existing = await _paths(repository, base) if wanted.files_to_delete else set()
    for name in wanted.files_to_delete:
        path = _in_repository(wanted.target_path, name)
        entries.pop(path, None)
        if path in existing:
            entries[path] = {"path": path, "mode": "100644", "type": "blob", "sha": None}
    if not entries:
        return base
    made = await repository.call("POST", "/git/trees", {"base_tree": base, "tree": list(entries.values())})
    return str(made["sha"])


async def _content(repository: Repository, file: File) -> JsonObject:
    """Return small text inline, anything else as a blob that was sent before."""
    if len(file.content) <= _LARGEST_INLINE:
        try:
            return {"content": file.content.decode()}
        except UnicodeDecodeError:
            pass
    encoded = base64.b64encode(file.content).decode()
    blob = await repository.call("POST", "/git/blobs", {"content": encoded, "encoding": "base64"})
    return {"sha": blob["sha"]}


async def _paths(repository: Repository, tree: str) -> set[str]:
    path = repository.path("/git/trees/{tree}", tree=tree)
    found = await repository.api.call("GET", path, query={"recursive": "1"})
    return {str(entry["path"]) for entry in found["tree"] if entry["type"] == "blob"}


def _commit(ctx: ActionContext[PullRequest], tree: str, parent: str) -> JsonObject:
    wanted = ctx.input
    section = (ctx.services.config or {}).get("scaffolder") or {}
    message = wanted.commit_message or section.get("defaultCommitMessage") or wanted.title
    commit: JsonObject = {"message": message, "tree": tree, "parents": [parent]}
    defaults = section.get("defaultAuthor") or {}
    name, email = wanted.git_author_name or defaults.get("name"), wanted.git_author_email or defaults.get("email")
    if (name or email) and not wanted.force_empty_git_author:
        commit["author"] = {"name": name or "Scaffolder", "email": email or "scaffolder@backstage.io"}
    return commit


def _opened(pull: Json) -> JsonObject:
    return {"base": pull["base"]["ref"], "url": pull["html_url"], "number": pull["number"]}


async def _ask_reviewers(ctx: ActionContext[PullRequest], target: Repository, number: int) -> None:
    wanted = ctx.input
    if wanted.reviewers is None and wanted.team_reviewers is None:
        return

    async def ask() -> Json:
        body: JsonObject = {} if wanted.reviewers is None else {"reviewers": list(wanted.reviewers)}
        if wanted.team_reviewers is not None:
            body["team_reviewers"] = list(dict.fromkeys(wanted.team_reviewers))
        asked = await target.call("POST", "/pulls/{number}/requested_reviewers", body, number=str(number))
        users = ", ".join(str(user["login"]) for user in asked.get("requested_reviewers") or ())
        teams = ", ".join(str(team["slug"]) for team in asked.get("requested_teams") or ())
        ctx.logger.info(f"Added users [{users}] and teams [{teams}] as reviewers to Pull request {number}")
        return None

    await _or_warn(
        ctx,
        f"request.reviewers.{target.owner}.{target.name}.{number}",
        ask,
        "adding reviewers",
    )


async def _assign(ctx: ActionContext[PullRequest], target: Repository, number: int) -> None:
    assignees = ctx.input.assignees
    if not assignees:
        return
    if len(assignees) > _MOST_ASSIGNEES:
        ctx.logger.warning("Assignees list is too long, only the first 10 will be used.")

    async def assign() -> Json:
        body = {"assignees": assignees[:_MOST_ASSIGNEES]}
        asked = await target.call("POST", "/issues/{number}/assignees", body, number=str(number))
        added = ", ".join(str(user["login"]) for user in asked.get("assignees") or ())
        ctx.logger.info(f"Added assignees [{added}] to Pull request {number}")
        return None

    await _or_warn(
        ctx,
        f"add.assignees.{target.owner}.{target.name}.{number}",
        assign,
        "adding assignees",
    )


async def _or_warn(ctx: ActionContext[PullRequest], key: str, work: Callable[[], Awaitable[Json]], what: str) -> None:
    """Do something that only helps: when GitHub refuses, the pull request is still there."""
    try:
        await ctx.checkpoint(key, work)
    except BackstageError as error:
        if not error.is_refusal:
            raise
        ctx.logger.error(f"Failure when {what} to the pull request: {error.message}")


def _check_paths(wanted: PullRequest) -> None:
    """Refuse paths that lead out of the repository, in Backstage's words."""
    for name, path in (
        ("targetPath", wanted.target_path),
        *(("filesToDelete entry", one) for one in wanted.files_to_delete),
    ):
        if path.startswith("/") or ".." in path.split("/"):
            raise InputError(
                f"Invalid {name} '{path}': must be a relative path within the target repository, without '..' segments"
            )


def _in_repository(folder: str, path: str) -> str:
    """Return a path in the repository; neither part climbs, since both were checked."""
    return posixpath.normpath(posixpath.join(folder, path))
