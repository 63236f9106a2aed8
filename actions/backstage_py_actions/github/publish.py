"""``publish:github``, ``github:repo:create`` and ``github:repo:push``."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from backstage_py.integrations.forges.github import Repository
from backstage_py.plugin import ActionContext, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client, repository
from backstage_py_actions.github.protection import Protection, protect
from backstage_py_actions.github.repository import NewRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class PushInput:
    """What is pushed, where to, by whom, and how it is protected then."""

    protection: Protection
    default_branch: str = "main"
    protect_default_branch: bool = True
    protect_enforce_admins: bool = True
    git_commit_message: str = ""
    git_author_name: str = ""
    git_author_email: str = ""
    source_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """A new repository and its first commit."""

    repo_url: str
    new: NewRepository
    push: PushInput
    token: str | None = None


@builtin("publish:github", Publish, ignored=hosting.OF_FORMS)
async def publish_github(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a repository and push the workspace to it."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        def shown(made: Json) -> JsonObject:
            contents = f"{made['html_url']}/blob/{wanted.push.default_branch}"
            return {"remoteUrl": str(made["clone_url"]), "repoContentsUrl": contents}

        await hosting.check_commit(ctx, target.host, sign=None, source_path=wanted.push.source_path)
        key = f"create.github.repo.{target.owner}.{target.name}"
        urls = await repository.create(ctx, target, wanted.new, key, shown)
        commit = await _push(ctx, target, urls["remoteUrl"], wanted.push)
        await _protect(ctx, target, wanted.push)
    return {"commitHash": commit, **urls}


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A new, empty repository."""

    repo_url: str
    new: NewRepository
    token: str | None = None


@builtin("github:repo:create", Create, needs_workspace=False)
async def github_repo_create(ctx: ActionContext[Create]) -> JsonObject:
    """Create a repository."""
    async with client.repository(ctx, ctx.input.repo_url, ctx.input.token) as target:

        def shown(made: Json) -> str:
            return str(made["clone_url"])

        key = f"create.repo.and.topics.{target.owner}.{target.name}"
        remote = await repository.create(ctx, target, ctx.input.new, key, shown)
    return {"remoteUrl": remote}


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A first commit for a repository that exists."""

    repo_url: str
    push: PushInput
    token: str | None = None


@builtin("github:repo:push", Push)
async def github_repo_push(ctx: ActionContext[Push]) -> JsonObject:
    """Push the workspace to a repository."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:
        found = await target.call("GET")
        remote = str(found["clone_url"])
        commit = await _push(ctx, target, remote, wanted.push)
        await _protect(ctx, target, wanted.push)
    return {
        "remoteUrl": remote,
        "repoContentsUrl": f"{found['html_url']}/blob/{wanted.push.default_branch}",
        "commitHash": commit,
    }


async def _push(ctx: ActionContext[Any], target: Repository, remote: str, wanted: PushInput) -> str:
    commit = hosting.Commit(
        branch=wanted.default_branch,
        source_path=wanted.source_path,
        message=wanted.git_commit_message,
        author_name=wanted.git_author_name,
        author_email=wanted.git_author_email,
    )
    return await hosting.push(ctx, target, remote, commit, f"init.repo.publish.{target.owner}.{target.name}")


async def _protect(ctx: ActionContext[Any], target: Repository, wanted: PushInput) -> None:
    """Protect the branch; a refusal is a warning in the log, as in Backstage."""
    if not wanted.protect_default_branch:
        return
    branch = wanted.default_branch
    work = partial(protect, target, branch, wanted.protection, ctx.logger, enforce_admins=wanted.protect_enforce_admins)
    key = f"protect.{target.owner}.{target.name}.{branch}"
    await hosting.unless_refused(ctx, key, work, f"Skipping: default branch protection on '{target.name}'")
