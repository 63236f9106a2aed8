"""``publish:github``, ``github:repo:create`` and ``github:repo:push``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backstage_py.integrations import git
from backstage_py.integrations.git import GitAuthor, GitCredentials
from backstage_py.plugin import ActionContext, BackstageError, InputError, Json, JsonObject
from backstage_py_actions._builtin import builtin
from backstage_py_actions.github import client, repository
from backstage_py_actions.github.client import Repository
from backstage_py_actions.github.protection import Protection, protect
from backstage_py_actions.github.repository import NewRepository

_ANY_TOKEN_USER = "x-access-token"  # noqa: S105  # the user name that GitHub takes with a token


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


@builtin("publish:github", Publish, ignored=frozenset({"allowedHosts"}))
async def publish_github(ctx: ActionContext[Publish]) -> JsonObject:
    """Create a repository and push the workspace to it."""
    wanted = ctx.input
    async with client.repository(ctx, wanted.repo_url, wanted.token) as target:

        def shown(made: Json) -> JsonObject:
            contents = f"{made['html_url']}/blob/{wanted.push.default_branch}"
            return {"remoteUrl": str(made["clone_url"]), "repoContentsUrl": contents}

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
    """Push the first commit and return its hash.

    Its time is kept, so that a step that runs again makes the same commit, which the branch may have already.
    """
    defaults = _defaults(ctx)
    author = GitAuthor(
        wanted.git_author_name or defaults.get("name") or GitAuthor().name,
        wanted.git_author_email or defaults.get("email") or GitAuthor().email,
    )
    key = f"init.repo.publish.{target.owner}.{target.name}"
    at = int(await ctx.checkpoint(f"{key}.at", lambda: int(ctx.clock.now().timestamp())))

    async def push() -> Json:
        return await git.publish(
            source_folder(ctx, wanted.source_path),
            remote_url=remote,
            branch=wanted.default_branch,
            message=wanted.git_commit_message or defaults.get("message") or "initial commit",
            author=author,
            credentials=GitCredentials(_ANY_TOKEN_USER, target.api.token),
            committed_at=at,
        )

    return str(await ctx.checkpoint(key, push))


async def _protect(ctx: ActionContext[Any], target: Repository, wanted: PushInput) -> None:
    """Protect the branch; a refusal is a warning in the log, as in Backstage. Without an answer the step fails."""
    if not wanted.protect_default_branch:
        return

    async def protect_branch() -> Json:
        await protect(
            target, wanted.default_branch, wanted.protection, ctx.logger, enforce_admins=wanted.protect_enforce_admins
        )
        return None

    try:
        await ctx.checkpoint(f"protect.{target.owner}.{target.name}.{wanted.default_branch}", protect_branch)
    except BackstageError as error:
        if not error.is_refusal:
            raise
        ctx.logger.warning(f"Skipping: default branch protection on '{target.name}', {error.message}")


def source_folder(ctx: ActionContext[Any], source_path: str | None) -> Path:
    """Return the folder of the workspace to publish; climbing at the start of a path is ignored, as in Backstage.

    Raises:
        NotAllowedError: it leads out of the workspace. InputError: it is no folder.
    """
    if not source_path:
        return ctx.workspace.root
    parts = list(Path(os.path.normpath(source_path)).parts)
    while parts and parts[0] == "..":
        parts.pop(0)
    folder = ctx.workspace.path(*parts)
    if not folder.is_dir():
        raise InputError(f"The workspace has no folder '{source_path}' to publish; check 'sourcePath'")
    return folder


def _defaults(ctx: ActionContext[Any]) -> Mapping[str, str]:
    """Return name, email and message of ``scaffolder.defaultAuthor`` and ``scaffolder.defaultCommitMessage``."""
    section = (ctx.services.config or {}).get("scaffolder") or {}
    author = section.get("defaultAuthor") or {}
    found = {
        "name": author.get("name"),
        "email": author.get("email"),
        "message": section.get("defaultCommitMessage"),
    }
    return {key: str(value) for key, value in found.items() if value}
