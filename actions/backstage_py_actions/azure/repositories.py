"""``azure:repository:clone`` and ``azure:repository:push``, and ``azure:repo:*`` as an older package has them."""

import asyncio
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backstage_py.integrations import azure, git
from backstage_py.integrations.git import GitCredentials
from backstage_py.plugin import ActionContext, InputError, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._builtin import builtin
from backstage_py_actions.azure import client
from backstage_py_actions.fetch.output import Output
from backstage_py_actions.fetch.plain import copy_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A repository and where it goes."""

    remote_url: str
    branch: str = "main"
    target_path: str = "./"
    clone_depth: float | None = None
    server: str | None = None
    token: str | None = None


@builtin("azure:repository:clone", Clone)
async def azure_repository_clone(ctx: ActionContext[Clone]) -> JsonObject:
    """Clone a repository into the workspace, over what is there; links that lead out of the workspace are left out."""
    wanted = ctx.input
    target = ctx.workspace.path(wanted.target_path)
    _, credentials = await _access(ctx, wanted.remote_url, wanted.token)
    with tempfile.TemporaryDirectory(prefix="backstage-clone-") as folder:
        cloned = Path(folder, "clone")
        depth = max(int(wanted.clone_depth or 1), 1)
        await git.clone(wanted.remote_url, cloned, ref=wanted.branch, credentials=credentials, depth=depth)
        await asyncio.to_thread(copy_folder, cloned, Output(ctx.workspace, wanted.target_path), ctx.logger)
    return {"cloneFullPath": str(target)}


@builtin("azure:repo:clone", Clone)
async def azure_repo_clone(ctx: ActionContext[Clone]) -> JsonObject:
    """Do as ``azure:repository:clone``."""
    cloned: JsonObject = await azure_repository_clone.handler(ctx)
    return cloned


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What is committed, and where to; without a URL to where the clone is from."""

    remote_url: str | None = None
    branch: str = "scaffolder"
    source_path: str | None = None
    git_commit_message: str | None = "Initial commit"
    git_author_name: str | None = None
    git_author_email: str | None = None
    server: str | None = None
    token: str | None = None


@builtin("azure:repository:push", Push)
async def azure_repository_push(ctx: ActionContext[Push]) -> None:
    """Commit what changed in a clone, and push it to a branch."""
    await _push(ctx)


@builtin("azure:repo:push", Push)
async def azure_repo_push(ctx: ActionContext[Push]) -> JsonObject:
    """Do as ``azure:repository:push``."""
    return {"commitHash": await _push(ctx)}


async def _push(ctx: ActionContext[Push]) -> str:
    """Push a commit behind the one that was cloned, and return its hash."""
    wanted = ctx.input
    if re.search(r"\s", wanted.branch):
        raise InputError("Branch name must not contain spaces.")
    cloned = await git.checked_out(ctx.workspace.path(wanted.source_path or "."))
    remote = wanted.remote_url or (cloned.origin if cloned else None)
    if cloned is None or remote is None:
        raise InputError(
            f"The folder '{wanted.source_path or '.'}' of the workspace is no clone: clone the repository before, for "
            "instance with azure:repository:clone, or publish a new one with publish:azure"
        )
    host, credentials = await _access(ctx, remote, wanted.token)
    there = await git.tip(remote, wanted.branch, credentials=credentials)
    commit = hosting.Commit(
        branch=wanted.branch,
        base=None if there else cloned.branch,
        source_path=wanted.source_path,
        message=wanted.git_commit_message,
        author_name=wanted.git_author_name,
        author_email=wanted.git_author_email,
    )
    key = f"push.{remote}.{wanted.branch}"
    return await hosting.commit_onto(ctx, host, credentials, remote, commit, cloned.commit, key)


async def _access(ctx: ActionContext[Any], remote: str, token: str | None) -> tuple[str, GitCredentials]:
    """Return the host of a repository, and with what git reads and pushes there.

    Raises:
        InputError: the URL is of no host that the configuration knows as Azure DevOps, or there is no token.
    """
    found = ctx.integrations.by_url(remote)
    if not found or found.type != "azure":
        raise InputError(f"No credentials provided for {remote}, please check your integrations config")
    organization = azure.organization_of(remote, found.host)
    used = await client.credential(ctx, found.host, organization, token)
    return found.host, azure.git_credentials(used)
