"""Files of the workspace as one commit through GitLab's API."""

import base64
import hashlib
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backstage_py.integrations.forges.gitlab import Project
from backstage_py.plugin import ActionContext, BackstageError, Json, JsonObject
from backstage_py_actions import hosting
from backstage_py_actions._committed import File, files_of

_BLOB = {40: "sha1", 64: "sha256"}
_EXECUTABLE = "100755"
_NEWEST = "20"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit does: GitLab's actions, and all files of the workspace by their path in the repository."""

    actions: list[JsonObject]
    files: dict[str, bytes]


async def changes(
    ctx: ActionContext[Any], project: Project, folder: Path, branch: str, target_path: str | None, action: str | None
) -> Changes:
    """Compare a folder with a branch.

    Args:
        ctx: told what cannot be read.
        project: has the branch.
        folder: of the workspace.
        branch: what is compared with.
        target_path: folder of the repository that gets the files.
        action: what is done with each file, whatever is there; ``auto`` looks.
    """
    found = await files_of(folder)
    paths = {posixpath.normpath(posixpath.join(target_path or "", one.path)): one for one in found}
    wanted = action or "auto"
    there = await _blobs(ctx, project, branch, target_path) if wanted == "auto" else {}
    actions = []
    for path, file in paths.items():
        done = _compared(file, there.get(path)) if wanted == "auto" else wanted
        if done != "skip":
            actions.append(_action(done, path, file))
    return Changes(actions, {path: one.content for path, one in paths.items()})


async def commit(ctx: ActionContext[Any], project: Project, made: Changes, place: "Place", body: JsonObject) -> str:
    """Commit once per task and return the hash. One on top of what the branch was, with message and files, is ours."""
    hosting.tell_unsigned(ctx, project.host)

    async def create(_marker: str) -> str:
        sent = {"branch": place.branch, "commit_message": place.message, "actions": made.actions, **body}
        return str((await project.call("POST", "/repository/commits", sent))["id"])

    async def find(_marker: str) -> str | None:
        query = {"ref_name": place.branch, "per_page": _NEWEST}
        for one in await project.call("GET", "/repository/commits", query=query):
            is_next = one["parent_ids"] == [place.before] and one["message"].strip() == place.message.strip()
            if is_next and await _holds(project, str(one["id"]), made):
                return str(one["id"])
        return None

    return await ctx.effect(f"commit.{project.ref}.{place.branch}", create=create, find=find)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a commit goes: the branch, its newest commit before, and the message."""

    branch: str
    before: str
    message: str


async def create_branch(ctx: ActionContext[Any], project: Project, branch: str, start: str) -> str:
    """Create a branch once per task and return its commit; one that is where ``start`` is, is as wanted."""

    async def create(_marker: str) -> str:
        made = await project.call("POST", "/repository/branches", {"branch": branch, "ref": start})
        return str(made["commit"]["id"])

    async def find(_marker: str) -> str | None:
        found = await project.get("/repository/branches/{branch}", branch=branch)
        base = await project.get("/repository/branches/{branch}", branch=start)
        same = found and base and found["commit"]["id"] == base["commit"]["id"]
        return str(found["commit"]["id"]) if same else None

    return await ctx.effect(f"branch.{project.ref}.{branch}", create=create, find=find)


def folder_of(ctx: ActionContext[Any], path: str | None) -> Path:
    """Return a folder of the workspace, the whole of it without a path.

    Raises:
        NotAllowedError: it leads out of the workspace.
    """
    return ctx.workspace.path(path) if path else ctx.workspace.root


async def _blobs(
    ctx: ActionContext[Any], project: Project, branch: str, target_path: str | None
) -> dict[str, JsonObject]:
    query = {"ref": branch, "recursive": "true", **({"path": target_path} if target_path else {})}
    try:
        found = await project.list("/repository/tree", query=query)
    except BackstageError as error:
        if not error.is_refusal:
            raise
        ctx.logger.warning(
            f"Could not retrieve the list of files for {project.ref} (branch: {branch}) : {error.message}"
        )
        return {}
    return {str(one["path"]): one for one in found}


def _compared(file: File, there: JsonObject | None) -> str:
    """Return what ``auto`` does with a file, by the name of its blob."""
    if there is None:
        return "create"
    name = str(there["id"])
    return "skip" if blob_name(file.content, name) == name else "update"


def blob_name(content: bytes, like: str) -> str | None:
    """Return the name that git gives to a content, by the algorithm of another name."""
    algorithm = _BLOB.get(len(like)) if re.fullmatch(r"[0-9a-f]+", like) else None
    if algorithm is None:
        return None
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _action(done: str, path: str, file: File) -> JsonObject:
    return {
        "action": done,
        "file_path": path,
        "encoding": "base64",
        "content": base64.b64encode(file.content).decode(),
        "execute_filemode": file.mode == _EXECUTABLE,
    }


async def _holds(project: Project, commit: str, made: Changes) -> bool:
    """Say whether a commit has what was to be done."""
    tree: Sequence[Json] = await project.list("/repository/tree", query={"ref": commit, "recursive": "true"})
    there = {str(one["path"]): str(one["id"]) for one in tree}
    gone = {one["file_path"] for one in made.actions if one["action"] == "delete"}
    kept = {path: content for path, content in made.files.items() if path not in gone}
    return not gone & there.keys() and all(
        path in there and blob_name(content, there[path]) == there[path] for path, content in kept.items()
    )
