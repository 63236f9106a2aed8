"""The part of GitLab's REST API that Backstage's module and this project use, in memory, over real repositories.

Shapes and refusals follow GitLab's documentation of API version 4.
"""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from backstage_py.sandbox.gitrepo import changes, objects, refs
from tests.forges import stand_in
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError, Route, StandIn

PREFIX = "/api/v4"
_NOW = "2026-01-02T03:04:05.678Z"


@dataclass
class Gitlab:
    """Groups, users, projects and what belongs to them; ids are given in order."""

    base: StandIn
    users: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    projects: list[dict[str, Any]] = field(default_factory=list)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    last: int = 100

    def next(self) -> int:
        self.last += 1
        return self.last

    def add_user(self, username: str, **more: Any) -> dict[str, Any]:
        url = f"{self.base.url}/{username}"
        user = {"id": self.next(), "username": username, "name": username.title(), "state": "active", "web_url": url}
        self.users.append(user | more)
        return self.users[-1]

    def add_group(self, full_path: str, **more: Any) -> dict[str, Any]:
        parent, _, path = full_path.rpartition("/")
        above = next((one["id"] for one in self.groups if one["full_path"] == parent), None)
        group = {"id": self.next(), "name": path, "path": path, "full_path": full_path, "parent_id": above}
        self.groups.append(group | more)
        return self.groups[-1]

    async def add_project(
        self, full_path: str, *, branch: str = "main", files: Any = None, is_seed: bool = False, **more: Any
    ) -> Any:
        if not is_seed and self.base.find(full_path) is None:
            await self.base.repository(full_path, branch=branch, files=files)
        namespace, _, path = full_path.rpartition("/")
        owner = next((one for one in self.groups if one["full_path"] == namespace), {"id": 1})
        url = f"{self.base.url}/{full_path}"
        self.projects.append(
            {
                "id": self.next(),
                "name": path,
                "path": path,
                "path_with_namespace": full_path,
                "description": None,
                "visibility": "private",
                "default_branch": branch if files else None,
                "http_url_to_repo": f"{url}.git",
                "web_url": url,
                "namespace": {"id": owner["id"], "full_path": namespace},
                "is_seed": is_seed,
                **more,
            }
        )
        return self.projects[-1]

    def known(self, kind: str) -> list[dict[str, Any]]:
        return self.things.setdefault(kind, [])

    def group(self, ref: str) -> dict[str, Any]:
        for one in self.groups:
            if ref in {str(one["id"]), one["full_path"]}:
                return one
        raise RefusalError(404, {"message": "404 Group Not Found"})

    def project(self, ref: str) -> dict[str, Any]:
        for one in self.projects:
            there = one["is_seed"] or self.base.find(one["path_with_namespace"])
            if ref in {str(one["id"]), one["path_with_namespace"]} and there:
                return one
        raise RefusalError(404, {"message": "404 Project Not Found"})

    def bare(self, ref: str) -> Any:
        return self.base.bare(self.project(ref)["path_with_namespace"])


def guard(base: StandIn, asked: Asked) -> None:
    """Take any token as a personal one or as one of OAuth: ``expired`` is expired, and ``weak`` may only read."""
    bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
    token = asked.headers.get("private-token") or bearer
    if token == "expired":
        raise RefusalError(401, {"error": "invalid_token", "error_description": "Token is expired."})
    if token == "weak" and asked.method != "GET":
        words = "The request requires higher privileges than provided by the access token."
        raise RefusalError(403, {"error": "insufficient_scope", "error_description": words, "scope": "api"})
    if not token:
        raise RefusalError(401, {"message": "401 Unauthorized"})


def routes(gitlab: Gitlab) -> list[Route]:
    """What is answered."""
    found: list[Route] = []
    on = stand_in.adding(found)
    _accounts(gitlab, on)
    _groups(gitlab, on)
    _projects(gitlab, on)
    _repositories(gitlab, on)
    _requests(gitlab, on)
    _things(gitlab, on)
    return found


def paged(asked: Asked, items: list[Any]) -> Answer:
    """A page of a list, with GitLab's headers."""
    size, page = int(asked.query.get("per_page", 20)), int(asked.query.get("page", 1))
    following = str(page + 1) if page * size < len(items) else ""
    headers = {"x-page": str(page), "x-per-page": str(size), "x-next-page": following, "x-total": str(len(items))}
    if following:
        query = urlencode({**asked.query, "page": following, "per_page": str(size)})
        path = "/".join(quote(part, safe="") for part in asked.path)
        headers["link"] = f'<http://{asked.headers["host"]}{PREFIX}/{path}?{query}>; rel="next"'
    return 200, items[(page - 1) * size : page * size], headers


def _accounts(gitlab: Gitlab, on: Adding) -> None:
    @on("GET", "/user")
    async def me(asked: Asked) -> Answer:
        return 200, gitlab.users[0]

    @on("GET", "/users")
    async def users(asked: Asked) -> Answer:
        name = asked.query.get("username")
        return paged(asked, [one for one in gitlab.users if name in {None, one["username"]}])

    @on("GET", "/users/:ref")
    async def user(asked: Asked, ref: str) -> Answer:
        for one in gitlab.users:
            if ref == str(one["id"]):
                return 200, one
        raise RefusalError(404, {"message": "404 User Not Found"})

    @on("GET", "/namespaces/:ref")
    async def namespace(asked: Asked, ref: str) -> Answer:
        for one in gitlab.users:
            if ref == one["username"]:
                return 200, {"id": one["id"] + 1000, "kind": "user", "path": ref, "full_path": ref}
        for one in gitlab.groups:
            if ref in {str(one["id"]), one["full_path"]}:
                return 200, {"id": one["id"], "kind": "group", "path": one["path"], "full_path": one["full_path"]}
        raise RefusalError(404, {"message": "404 Namespace Not Found"})

    @on("GET", "/users/:ref/projects")
    async def of_user(asked: Asked, ref: str) -> Answer:
        names = {one["username"] for one in gitlab.users if ref in {one["username"], str(one["id"])}}
        return paged(asked, _matching(gitlab, asked, names))

    @on("GET", "/groups/:ref/projects")
    async def of_group(asked: Asked, ref: str) -> Answer:
        return paged(asked, _matching(gitlab, asked, {gitlab.group(ref)["full_path"]}))


def _matching(gitlab: Gitlab, asked: Asked, namespaces: set[str]) -> list[Any]:
    wanted = asked.query.get("search", "")
    return [
        one
        for one in gitlab.projects
        if one["namespace"]["full_path"] in namespaces
        and wanted in one["path"]
        and gitlab.base.find(one["path_with_namespace"])
    ]


def _groups(gitlab: Gitlab, on: Adding) -> None:
    @on("GET", "/groups")
    async def groups(asked: Asked) -> Answer:
        return paged(asked, gitlab.groups)

    @on("GET", "/groups/:ref")
    async def group(asked: Asked, ref: str) -> Answer:
        shares = gitlab.known(f"shares {gitlab.group(ref)['id']}")
        return 200, {**gitlab.group(ref), "shared_with_groups": shares}

    @on("POST", "/groups")
    async def create(asked: Asked) -> Answer:
        above = next((one["full_path"] for one in gitlab.groups if one["id"] == asked.body.get("parent_id")), "")
        full = f"{above}/{asked.body['path']}".strip("/")
        if any(one["full_path"] == full for one in gitlab.groups):
            raise RefusalError(400, {"message": 'Failed to save group {:path=>["has already been taken"]}'})
        extra = {"name": asked.body["name"], "description": asked.body.get("description", "")}
        return 201, gitlab.add_group(full, **extra)

    @on("POST", "/groups/:ref/members")
    async def add_member(asked: Asked, ref: str) -> Answer:
        members = gitlab.known(f"members {gitlab.group(ref)['id']}")
        if any(one["id"] == asked.body["user_id"] for one in members):
            raise RefusalError(409, {"message": "Member already exists"})
        members.append({"id": asked.body["user_id"], "access_level": asked.body["access_level"]})
        return 201, members[-1]

    @on("GET", "/groups/:ref/members/:user")
    async def show_member(asked: Asked, ref: str, user: str) -> Answer:
        for one in gitlab.known(f"members {gitlab.group(ref)['id']}"):
            if str(one["id"]) == user:
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("PUT", "/groups/:ref/members/:user")
    async def edit_member(asked: Asked, ref: str, user: str) -> Answer:
        for one in gitlab.known(f"members {gitlab.group(ref)['id']}"):
            if str(one["id"]) == user:
                one["access_level"] = asked.body["access_level"]
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("DELETE", "/groups/:ref/members/:user")
    async def remove_member(asked: Asked, ref: str, user: str) -> Answer:
        members = gitlab.known(f"members {gitlab.group(ref)['id']}")
        before = len(members)
        members[:] = [one for one in members if str(one["id"]) != user]
        if len(members) == before:
            raise RefusalError(404, {"message": "404 Not found"})
        return 204, None

    @on("POST", "/groups/:ref/share")
    async def share(asked: Asked, ref: str) -> Answer:
        shares = gitlab.known(f"shares {gitlab.group(ref)['id']}")
        if any(one["group_id"] == asked.body["group_id"] for one in shares):
            raise RefusalError(409, {"message": "The group is already shared with this group"})
        shares.append({"group_id": asked.body["group_id"], "group_access": asked.body["group_access"]})
        return 201, gitlab.group(ref)

    @on("DELETE", "/groups/:ref/share/:other")
    async def unshare(asked: Asked, ref: str, other: str) -> Answer:
        shares = gitlab.known(f"shares {gitlab.group(ref)['id']}")
        before = len(shares)
        shares[:] = [one for one in shares if str(one["group_id"]) != other]
        if len(shares) == before:
            raise RefusalError(404, {"message": "404 Not Found"})
        return 204, None

    @on("GET", "/groups/:ref/epics")
    async def epics(asked: Asked, ref: str) -> Answer:
        gitlab.group(ref)
        return paged(asked, gitlab.known("epics"))


def _projects(gitlab: Gitlab, on: Adding) -> None:
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


def _repositories(gitlab: Gitlab, on: Adding) -> None:
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


def _requests(gitlab: Gitlab, on: Adding) -> None:
    def requests(ref: str) -> list[dict[str, Any]]:
        return gitlab.known(f"requests {gitlab.project(ref)['id']}")

    def request(ref: str, iid: str) -> dict[str, Any]:
        for one in requests(ref):
            if str(one["iid"]) == iid:
                return one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("POST", "/projects/:ref/merge_requests")
    async def create(asked: Asked, ref: str) -> Answer:
        source = asked.body["source_branch"]
        if any(one["source_branch"] == source and one["state"] == "opened" for one in requests(ref)):
            said = f"Another open merge request already exists for this source branch: !{requests(ref)[0]['iid']}"
            raise RefusalError(409, {"message": [said]})
        iid = len(requests(ref)) + 1
        url = f"{gitlab.project(ref)['web_url']}/-/merge_requests/{iid}"
        sha = await refs.commit_of(gitlab.bare(ref), f"refs/heads/{source}")
        more = {"id": gitlab.next(), "iid": iid, "state": "opened", "web_url": url, "sha": sha}
        requests(ref).append({**asked.body, **more, "detailed_merge_status": "mergeable"})
        return 201, requests(ref)[-1]

    @on("GET", "/projects/:ref/merge_requests")
    async def listed(asked: Asked, ref: str) -> Answer:
        source, target = asked.query.get("source_branch"), asked.query.get("target_branch")
        kept = [
            one
            for one in requests(ref)
            if source in {None, one["source_branch"]} and target in {None, one["target_branch"]}
        ]
        return paged(asked, kept)

    @on("GET", "/projects/:ref/merge_requests/:iid")
    async def show(asked: Asked, ref: str, iid: str) -> Answer:
        return 200, request(ref, iid)

    @on("PUT", "/projects/:ref/merge_requests/:iid")
    async def edit(asked: Asked, ref: str, iid: str) -> Answer:
        request(ref, iid).update(asked.body)
        return 200, request(ref, iid)

    @on("PUT", "/projects/:ref/merge_requests/:iid/merge")
    async def merge(asked: Asked, ref: str, iid: str) -> Answer:
        request(ref, iid)["merge_when_pipeline_succeeds"] = True
        return 200, request(ref, iid)

    @on("GET", "/projects/:ref/merge_requests/:iid/approval_rules")
    async def rules(asked: Asked, ref: str, iid: str) -> Answer:
        return paged(asked, [{"id": 1, "eligible_approvers": [{"id": one["id"]} for one in gitlab.users[1:2]]}])


def _things(gitlab: Gitlab, on: Adding) -> None:
    def created(kind: str, **more: Any) -> Any:
        async def create(asked: Asked, ref: str) -> Answer:
            known = gitlab.known(f"{kind} {gitlab.project(ref)['id']}")
            thing = {**(asked.body or {}), **asked.query, "id": gitlab.next(), "iid": len(known) + 1}
            known.append(thing | {name: value(ref, thing) for name, value in more.items()})
            return 201, known[-1]

        return create

    def listed(kind: str) -> Any:
        async def get(asked: Asked, ref: str) -> Answer:
            return paged(asked, gitlab.known(f"{kind} {gitlab.project(ref)['id']}"))

        return get

    def page(folder: str) -> Any:
        return lambda ref, thing: f"{gitlab.project(ref)['web_url']}/-/{folder}/{thing['iid']}"

    def secret(prefix: str) -> Any:
        return lambda _id, thing: f"{prefix}-{thing['id']}"

    on("POST", "/projects/:ref/issues")(
        created(
            "issues",
            web_url=page("issues"),
            state=lambda *_: "opened",
            project_id=lambda ref, _: gitlab.project(ref)["id"],
        )
    )
    on("GET", "/projects/:ref/issues")(listed("issues"))
    on("POST", "/projects/:ref/triggers")(created("triggers", token=secret("glptt")))
    on("POST", "/projects/:ref/access_tokens")(created("access tokens", token=secret("glpat")))
    on("GET", "/projects/:ref/access_tokens")(listed("access tokens"))
    on("POST", "/projects/:ref/deploy_tokens")(
        created(
            "deploy tokens",
            token=secret("gldt"),
            username=lambda _, t: t.get("username") or f"gitlab+deploy-token-{t['id']}",
        )
    )
    on("GET", "/projects/:ref/deploy_tokens")(listed("deploy tokens"))
    on("POST", "/projects/:ref/hooks")(created("hooks"))
    on("GET", "/projects/:ref/hooks")(listed("hooks"))

    @on("PUT", "/projects/:ref/hooks/:hook")
    async def edit_hook(asked: Asked, ref: str, hook: str) -> Answer:
        for one in gitlab.known(f"hooks {gitlab.project(ref)['id']}"):
            if str(one["id"]) == hook:
                one.update(asked.body)
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("PUT", "/projects/:ref/issues/:iid")
    async def edit_issue(asked: Asked, ref: str, iid: str) -> Answer:
        project = gitlab.project(ref)
        for one in gitlab.known(f"issues {project['id']}"):
            if str(one["iid"]) == iid:
                one.update(asked.body, updated_at=_NOW, project_id=project["id"])
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("DELETE", "/projects/:ref/triggers/:trigger")
    async def remove_trigger(asked: Asked, ref: str, trigger: str) -> Answer:
        known = gitlab.known(f"triggers {gitlab.project(ref)['id']}")
        known[:] = [one for one in known if str(one["id"]) != trigger]
        return 204, None

    @on("POST", "/projects/:ref/trigger/pipeline")
    async def trigger(asked: Asked, ref: str) -> Answer:
        known = gitlab.known(f"pipelines {gitlab.project(ref)['id']}")
        given = {**(asked.body or {}), **asked.query}
        url = f"{gitlab.project(ref)['web_url']}/-/pipelines/{len(known) + 1}"
        known.append(
            {"id": gitlab.next(), "ref": given.get("ref"), "variables": given.get("variables"), "web_url": url}
        )
        return 201, known[-1]

    @on("POST", "/projects/:ref/variables")
    async def variable(asked: Asked, ref: str) -> Answer:
        known = gitlab.known(f"variables {gitlab.project(ref)['id']}")
        given = {"environment_scope": "*", **asked.body}
        if any((o["key"], o["environment_scope"]) == (given["key"], given["environment_scope"]) for o in known):
            raise RefusalError(400, {"message": {"key": [f"({given['key']}) has already been taken"]}})
        known.append(given)
        return 201, given

    @on("GET", "/projects/:ref/variables/:key")
    async def show_variable(asked: Asked, ref: str, key: str) -> Answer:
        scope = asked.query.get("filter[environment_scope]", "*")
        for one in gitlab.known(f"variables {gitlab.project(ref)['id']}"):
            if (one["key"], one["environment_scope"]) == (key, scope):
                return 200, one
        raise RefusalError(404, {"message": "404 Variable Not Found"})

    @on("POST", "/bulk_imports")
    async def migrate(asked: Asked) -> Answer:
        made = {"id": gitlab.next(), "status": "created", "source_url": asked.body["configuration"]["url"]}
        gitlab.known("imports").append(made)
        for one in asked.body["entities"]:
            gitlab.known("entities").append({**one, "id": gitlab.next(), "bulk_import_id": made["id"]})
        return 201, made

    @on("GET", "/bulk_imports/entities")
    async def entities(asked: Asked) -> Answer:
        return paged(asked, gitlab.known("entities"))

    @on("GET", "/bulk_imports/:ref")
    async def migration(asked: Asked, ref: str) -> Answer:
        return 200, next(one for one in gitlab.known("imports") if str(one["id"]) == ref)


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Gitlab]:
    """A GitLab with the user ``ada``, whose token is known."""
    kept: list[Gitlab] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Gitlab(base))
        kept[0].add_user("ada", email="ada@test", created_at=_NOW, public_email="")
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
