"""Projects of a GitLab, their members, and what is read of and written to their repositories."""

import base64
import hashlib
from typing import Any

from backstage_py.sandbox.gitrepo import changes, objects, refs
from tests.forges.gitlab_world import Gitlab, paged
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError


def projects(gitlab: Gitlab, on: Adding) -> None:
    @on("POST", "/projects")
    async def create(asked: Asked) -> Answer:
        body = dict(asked.body)
        wanted = body.pop("namespace_id")
        owner = next((one["full_path"] for one in gitlab.groups if one["id"] == wanted), None)
        owner = owner or next(
            (one["username"] for one in gitlab.users if wanted in {one["id"], one["id"] + 1000}), None
        )
        if owner is None:
            raise RefusalError(400, {"message": {"namespace": ["is not valid"]}})
        if gitlab.base.find(f"{owner}/{body['path']}"):
            taken = ["has already been taken"]
            raise RefusalError(400, {"message": {"project_namespace.name": taken, "name": taken, "path": taken}})
        made = await gitlab.add_project(
            f"{owner}/{body['path']}", branch="main", **{k: v for k, v in body.items() if k != "path"}
        )
        return 201, made

    @on("GET", "/projects/:ref")
    async def show(asked: Asked, ref: str) -> Answer:
        project = gitlab.project(ref)
        if project["is_seed"]:
            return 200, project
        heads = [one.short for one in await refs.listing(gitlab.bare(ref))]
        if project["default_branch"] not in heads:
            project["default_branch"] = heads[0] if heads else None
        return 200, project

    @on("PUT", "/projects/:ref")
    async def edit(asked: Asked, ref: str) -> Answer:
        gitlab.project(ref).update(asked.body)
        return 200, gitlab.project(ref)

    @on("POST", "/projects/:ref/members")
    async def member(asked: Asked, ref: str) -> Answer:
        members = gitlab.known(f"project members {gitlab.project(ref)['id']}")
        if any(one["user_id"] == asked.body["user_id"] for one in members):
            raise RefusalError(409, {"message": "Member already exists"})
        members.append(dict(asked.body))
        return 201, {"id": asked.body["user_id"], "access_level": asked.body["access_level"]}

    @on("GET", "/projects/:ref/members/:user")
    async def show_member(asked: Asked, ref: str, user: str) -> Answer:
        for one in gitlab.known(f"project members {gitlab.project(ref)['id']}"):
            if str(one["user_id"]) == user:
                return 200, {"id": one["user_id"], "access_level": one["access_level"]}
        raise RefusalError(404, {"message": "404 Not found"})


def repositories(gitlab: Gitlab, on: Adding) -> None:
    async def shown(ref: str, name: str, commit: str) -> dict[str, Any]:
        read = await objects.read_commit(gitlab.bare(ref), commit)
        url = f"{gitlab.project(ref)['web_url']}/-/tree/{name}"
        return {"name": name, "web_url": url, "commit": _commit(read)}

    def _commit(read: Any) -> dict[str, Any]:
        title = read.message.split("\n")[0]
        return {"id": read.sha, "parent_ids": list(read.parents), "message": read.message, "title": title}

    @on("GET", "/projects/:ref/repository/branches/:branch")
    async def branch(asked: Asked, ref: str, branch: str) -> Answer:
        commit = await refs.commit_of(gitlab.bare(ref), f"refs/heads/{branch}")
        if commit is None:
            raise RefusalError(404, {"message": "404 Branch Not Found"})
        return 200, await shown(ref, branch, commit)

    @on("POST", "/projects/:ref/repository/branches")
    async def create_branch(asked: Asked, ref: str) -> Answer:
        given = {**asked.query, **(asked.body or {})}
        bare = gitlab.bare(ref)
        start = await refs.commit_of(bare, given["ref"])
        if start is None:
            raise RefusalError(400, {"message": "Invalid reference name: " + given["ref"]})
        if await refs.commit_of(bare, f"refs/heads/{given['branch']}"):
            raise RefusalError(400, {"message": "Branch already exists"})
        await refs.move(bare, f"refs/heads/{given['branch']}", start, None)
        return 201, await shown(ref, given["branch"], start)

    @on("POST", "/projects/:ref/protected_branches")
    async def protect(asked: Asked, ref: str) -> Answer:
        name = {**asked.query, **(asked.body or {})}["name"]
        known = gitlab.known(f"protected {gitlab.project(ref)['id']}")
        if any(one["name"] == name for one in known):
            raise RefusalError(409, {"message": f"Protected branch '{name}' already exists"})
        known.append({**(asked.body or {}), "id": gitlab.next(), "name": name})
        return 201, known[-1]

    @on("GET", "/projects/:ref/protected_branches/:name")
    async def protected(asked: Asked, ref: str, name: str) -> Answer:
        for one in gitlab.known(f"protected {gitlab.project(ref)['id']}"):
            if one["name"] == name:
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("GET", "/projects/:ref/repository/tree")
    async def tree(asked: Asked, ref: str) -> Answer:
        commit = await refs.commit_of(gitlab.bare(ref), asked.query.get("ref", "HEAD"))
        if commit is None:
            raise RefusalError(404, {"message": "404 Tree Not Found"})
        entries = await objects.read_tree(gitlab.bare(ref), commit, recursive=asked.query.get("recursive") == "true")
        below = asked.query.get("path", "").strip("/")
        kept = [one for one in entries if not below or one.path.startswith(f"{below}/")]
        if below and not kept:
            raise RefusalError(404, {"message": "404 invalid revision or path Not Found"})
        return paged(
            asked,
            [
                {"id": e.sha, "name": e.path.rpartition("/")[2], "type": e.type, "path": e.path, "mode": e.mode}
                for e in kept
            ],
        )

    @on("GET", "/projects/:ref/repository/files/:path")
    async def file(asked: Asked, ref: str, path: str) -> Answer:
        found = await objects.find_entry(gitlab.bare(ref), asked.query["ref"], path)
        if found is None:
            raise RefusalError(404, {"message": "404 File Not Found"})
        content = await objects.read_blob(gitlab.bare(ref), found.sha)
        return 200, {"content_sha256": hashlib.sha256(content).hexdigest(), "blob_id": found.sha, "file_path": path}

    @on("POST", "/projects/:ref/repository/commits")
    async def commit(asked: Asked, ref: str) -> Answer:
        bare, branch = gitlab.bare(ref), asked.body["branch"]
        parent = await refs.commit_of(bare, f"refs/heads/{branch}")
        if parent is None:
            raise RefusalError(400, {"message": "You can only create or edit files when you are on a branch"})
        before = {one.path: one for one in await objects.read_tree(bare, parent, recursive=True)}
        made = []
        for one in asked.body["actions"]:
            path, there = one["file_path"], before.get(one["file_path"])
            if one["action"] == "create" and there:
                raise RefusalError(400, {"message": "A file with this name already exists"})
            if one["action"] in {"update", "delete"} and not there:
                raise RefusalError(400, {"message": "A file with this name doesn't exist"})
            mode = "100755" if one.get("execute_filemode") else there.mode if there else "100644"
            content = base64.b64decode(one.get("content") or "")
            sha = None if one["action"] == "delete" else await objects.write_blob(bare, content)
            made.append(changes.Change(path, sha, mode))
        author = objects.Signature("Ada", "ada@test", "2026-01-01T00:00:00Z")
        sha = await changes.commit(bare, branch, parent, made, asked.body["commit_message"], author)
        return 201, _commit(await objects.read_commit(bare, sha))

    @on("GET", "/projects/:ref/repository/commits")
    async def log(asked: Asked, ref: str) -> Answer:
        start = await refs.commit_of(gitlab.bare(ref), asked.query["ref_name"])
        found = await objects.history(gitlab.bare(ref), start) if start else []
        return paged(asked, [_commit(one) for one in found])
