"""``publish:gitlab``."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from backstage_py.integrations import gitlab
from backstage_py.integrations.forges.forge import NewRepository
from backstage_py.integrations.forges.gitlab import Project
from backstage_py.integrations.gitlab import GitlabApi
from backstage_py.plugin import ActionContext, BackstageError, InputError, Json, JsonObject, NotFoundError
from backstage_py.plugin.formats import RepoUrl, parse_repo_url
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.gitlab import client

_OWNER = 50
_VARIABLE: Mapping[str, Json] = {
    "variable_type": "env_var",
    "protected": False,
    "masked": False,
    "masked_and_hidden": False,
    "raw": False,
    "environment_scope": "*",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new project and its first commit."""

    repo_url: str
    repo_visibility: str = "private"
    default_branch: str = "master"
    git_commit_message: str | None = "initial commit"
    git_author_name: str | None = None
    git_author_email: str | None = None
    sign_commit: bool | None = None
    source_path: str | bool | None = None
    skip_existing: bool = False
    token: str | None = None
    set_user_as_owner: bool = False
    owner_username: str | None = None
    topics: list[str] = field(default_factory=list)
    settings: JsonObject = field(default_factory=dict)
    branches: list[JsonObject] = field(default_factory=list)
    project_variables: list[JsonObject] = field(default_factory=list, repr=False)


@builtin("publish:gitlab", Publish, ignored=hosting.OF_FORMS, extra=client.EXTRA)
async def publish_gitlab(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a project and push the workspace to it."""
    wanted = ctx.input
    where = parse_repo_url(wanted.repo_url, ctx.integrations)
    if not where.owner or not where.repo:
        raise InputError(f"No owner provided for host: {where.host}, and repo {where.repo}")
    await _check(ctx, where.host)
    async with client.opened(ctx, where.host, wanted.token) as api:
        namespace, kind = await _namespace(api, where.owner)
        user = await api.call("GET", "/user")
        known = await _existing(ctx, api, where, kind)
        if wanted.skip_existing and known:
            ctx.logger.info(f"Repo {where.repo} already exists in namespace {where.owner}.")
            branch = known["default_branch"] or "null"  # of an empty project; JavaScript's word for it, as in Backstage
            return {**_shown(known, str(branch)), "created": False}
        ctx.logger.info(f"Creating repo {where.repo} in namespace {where.owner}.")
        return await _publish(ctx, api, where, namespace, user)


def _folder(wanted: Publish) -> str | None:
    return wanted.source_path if isinstance(wanted.source_path, str) else None


async def _check(ctx: ActionContext[Publish], host: str) -> None:
    """Refuse what the configuration does not allow, before anything is asked."""
    wanted = ctx.input
    hosting.integration(ctx, "gitlab", host)
    hosting.refuse_without_user(ctx, host, wanted.token)
    await hosting.check_commit(ctx, host, sign=wanted.sign_commit, source_path=_folder(wanted))
    if hosting.config(ctx).get("requireScmUserCredentials") and (wanted.set_user_as_owner or wanted.owner_username):
        raise InputError(
            "The setUserAsOwner and ownerUsername inputs cannot be used when scaffolder.requireScmUserCredentials is "
            "enabled because they require credentials from the GitLab integration"
        )


async def _namespace(api: GitlabApi, owner: str) -> tuple[int, str]:
    """Return number and kind of the group or user that gets the project."""
    try:
        found = await api.call("GET", gitlab.path("/namespaces/{owner}", owner=owner))
    except NotFoundError as error:
        raise InputError(
            f"The namespace {owner} is not found or the user doesn't have permissions to access it"
        ) from error
    return int(found["id"]), str(found["kind"])


async def _existing(ctx: ActionContext[Publish], api: GitlabApi, where: RepoUrl, kind: str) -> JsonObject:
    """Return the project that was there before this task, nothing when there was none."""

    async def look() -> Json:
        template = "/users/{owner}/projects" if kind == "user" else "/groups/{owner}/projects"
        known = await api.list(gitlab.path(template, owner=str(where.owner)), query={"search": str(where.repo)})
        found = next((one for one in known if one["path"] == where.repo), None)
        return found and {name: found.get(name) for name in ("id", "http_url_to_repo", "default_branch")}

    before: JsonObject = await ctx.checkpoint(f"existing.{where.owner}.{where.repo}", look)
    return before


async def _publish(
    ctx: ActionContext[Publish], api: GitlabApi, where: RepoUrl, namespace: int, user: Json
) -> JsonObject:
    wanted = ctx.input
    settings = {name: value for name, value in wanted.settings.items() if name != "description"}
    options: JsonObject = {
        "namespace_id": namespace,
        "name": where.repo,
        "path": where.repo,
        "visibility": wanted.repo_visibility,
        **({"topics": wanted.topics} if wanted.topics else {}),
        **settings,
    }
    key = f"{where.owner}.{where.repo}"
    place = Project(api, where.host, f"{where.owner}/{options['path']}")
    new = NewRepository(description=str(wanted.settings.get("description") or ""), options=options)
    made = await hosting.create(ctx, place, new, f"create.project.{key}", _made)
    project = Project(api, where.host, str(made["id"]))
    await _add_owners(ctx, project, user)
    outputs: JsonObject = {**_shown(made, wanted.default_branch), "created": True}
    if wanted.source_path is not False:
        outputs["commitHash"] = await _push(ctx, project, str(made["http_url_to_repo"]), f"push.{key}")
        for branch, again in _repeated(wanted.branches, "name", "create", "protect"):
            await _add_branch(ctx, project, branch, again)
    variables = [{**_VARIABLE, **variable} for variable in wanted.project_variables]
    for variable, again in _repeated(variables, "key", "environment_scope"):
        with hosting.as_input_error(f"Environment variable creation failed for {variable['key']}."):
            await add_variable(ctx, project, variable, again)
    return outputs


def _repeated(things: Iterable[JsonObject], *names: str) -> Iterator[tuple[JsonObject, str]]:
    """Yield things with what tells one from an equal one before it: two of a name are two requests, as in Backstage."""
    seen = Counter[tuple[Json, ...]]()
    for thing in things:
        which = tuple(thing.get(name) for name in names)
        yield thing, f".again-{seen[which]}" if seen[which] else ""
        seen[which] += 1


def _made(project: Json) -> JsonObject:
    return {"id": project["id"], "http_url_to_repo": project["http_url_to_repo"]}


def _shown(project: JsonObject, branch: str) -> JsonObject:
    remote = str(project["http_url_to_repo"]).removesuffix(".git")
    return {"remoteUrl": remote, "repoContentsUrl": f"{remote}/-/blob/{branch}", "projectId": project["id"]}


async def _push(ctx: ActionContext[Publish], project: Project, remote: str, key: str) -> str:
    wanted = ctx.input
    commit = hosting.Commit(
        branch=wanted.default_branch,
        source_path=_folder(wanted),
        message=wanted.git_commit_message,
        author_name=wanted.git_author_name,
        author_email=wanted.git_author_email,
        sign=wanted.sign_commit,
    )
    return await hosting.push(ctx, project, remote, commit, key)


async def _add_owners(ctx: ActionContext[Publish], project: Project, user: Json) -> None:
    """Make users owners with the integration's own token, which may do what that of the user may not."""
    wanted, own = ctx.input, hosting.integration(ctx, "gitlab", project.host)
    if not own.token or not (wanted.set_user_as_owner or wanted.owner_username):
        return
    async with GitlabApi(gitlab.api_of(own), own.token, patience=hosting.patience(ctx)) as api:
        managed = Project(api, project.host, project.ref)
        if wanted.set_user_as_owner:
            await _add_owner(ctx, managed, int(user["id"]))
        if wanted.owner_username:
            await _add_named_owner(ctx, managed, wanted.owner_username)


async def _add_named_owner(ctx: ActionContext[Publish], project: Project, name: str) -> None:
    """Make a user an owner; this only helps, so a refusal is a warning, as in Backstage."""
    try:
        users = await project.api.call("GET", "/users", query={"username": name})
        if users:
            await _add_owner(ctx, project, int(users[0]["id"]))
            return
        ctx.logger.warning(f"Could not find GitLab user with username '{name}'. Skipping owner assignment.")
    except BackstageError as error:
        if not error.is_refusal:
            raise
        ctx.logger.warning(
            f"Failed to add user '{name}' as owner: {error.message}. Proceeding without owner assignment."
        )


async def _add_owner(ctx: ActionContext[Publish], project: Project, user: int) -> None:
    async def add(_marker: str) -> bool:
        await project.call("POST", "/members", {"access_level": _OWNER, "user_id": user})
        return True

    async def find(_marker: str) -> bool | None:
        found = await project.get("/members/{user}", user=str(user))
        return True if found and found["access_level"] == _OWNER else None

    await ctx.effect(f"owner.{project.ref}.{user}", create=add, find=find)


async def _add_branch(ctx: ActionContext[Any], project: Project, branch: Mapping[str, Json], again: str) -> None:
    name, start = str(branch["name"]), str(branch.get("ref") or "master")

    async def create(_marker: str) -> bool:
        await project.call("POST", "/repository/branches", {"branch": name, "ref": start})
        return True

    async def find(_marker: str) -> bool | None:
        return True if await project.get("/repository/branches/{branch}", branch=name) else None

    if branch.get("create"):
        with hosting.as_input_error(f"Branch creation failed for {name}."):
            await ctx.effect(f"branch.{project.ref}.{name}{again}", create=create, find=find)
        ctx.logger.info(f"Branch {name} created for {project.ref} with ref {start}")
    if branch.get("protect"):
        with hosting.as_input_error(f"Branch protection failed for {name}."):
            await hosting.once(ctx, f"protect.{project.ref}.{name}{again}", partial(project.protect, name, {}))
        ctx.logger.info(f"Branch {name} protected for {project.ref}")


async def add_variable(ctx: ActionContext[Any], project: Project, variable: JsonObject, again: str = "") -> None:
    """Add a variable; behind an intent, one that has the value is this task's.

    ``again`` tells it from another one of the same key in the step.
    """
    key, scope = str(variable["key"]), str(variable["environment_scope"])

    async def create(_marker: str) -> bool:
        await project.call("POST", "/variables", variable)
        return True

    async def find(_marker: str) -> bool | None:
        found = await project.get("/variables/{key}", key=key, query={"filter[environment_scope]": scope})
        return True if found and found.get("value") in {variable["value"], None} else None

    await ctx.effect(f"variable.{project.ref}.{key}.{scope}{again}", create=create, find=find)
