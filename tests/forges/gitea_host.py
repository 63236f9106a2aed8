"""The part of Gitea's API that Backstage's module and this project use, in memory, over real repositories.

Shapes and refusals follow Gitea's own OpenAPI description, which ``test_gitea.py`` holds them to.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.sandbox.gitrepo import refs
from tests.forges import stand_in
from tests.forges.stand_in import Answer, Asked, Handler, RefusalError, Route, StandIn

PREFIX = re.compile(r"/api/v1|(?=/[^/]+/[^/]+/src/)")
_NOW = "2026-01-02T03:04:05Z"
_USER = {"id": 1, "login": "ada", "full_name": "Ada", "email": "ada@test", "avatar_url": "", "username": "ada"}


@dataclass
class Gitea:
    """Organizations, repositories and what belongs to them."""

    base: StandIn
    organizations: list[str] = field(default_factory=list)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def known(self, kind: str, repository: str) -> list[dict[str, Any]]:
        return self.things.setdefault(f"{kind} {repository}", [])

    async def add(self, full_name: str, *, branch: str = "main", files: Any = None, **more: Any) -> dict[str, Any]:
        await self.base.repository(full_name, branch=branch, files=files)
        owner, _, name = full_name.partition("/")
        url = f"{self.base.url}/{full_name}"
        self.repositories[full_name] = {
            "id": len(self.repositories) + 1,
            "name": name,
            "full_name": full_name,
            "owner": {**_USER, "login": owner, "username": owner},
            "description": "",
            "private": False,
            "empty": not files,
            "default_branch": branch,
            "html_url": url,
            "clone_url": f"{url}.git",
            "created_at": _NOW,
            **more,
        }
        return self.repositories[full_name]

    def repository(self, owner: str, name: str) -> dict[str, Any]:
        full_name = f"{owner}/{name}"
        if full_name in self.repositories and self.base.find(full_name):
            return self.repositories[full_name]
        raise RefusalError(404, _said("The target couldn't be found."))


def _said(message: str, **more: Any) -> dict[str, Any]:
    return {"message": message, "url": "https://gitea.test/api/swagger", **more}


def guard(base: StandIn, asked: Asked) -> None:
    """Refuse who brings no password that is known; pages of public repositories are anybody's."""
    if "src" in asked.path[2:3]:
        return
    try:
        known = base.host.tokens.login(asked.headers.get("authorization"))
    except PermissionError:
        raise RefusalError(401, _said("user does not exist [uid: 0, name: ada]")) from None
    if known is None:
        raise RefusalError(401, _said("token is required"))


def routes(gitea: Gitea) -> list[Route]:
    """What is answered."""
    found: list[Route] = []

    def on(method: str, path: str) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            found.append(Route(method, path, handler))
            return handler

        return add

    async def create(owner: str, body: Any) -> Answer:
        if gitea.base.find(f"{owner}/{body['name']}"):
            raise RefusalError(409, _said("The repository with the same name already exists."))
        more = {"description": body.get("description") or "", "private": body.get("private", False)}
        return 201, await gitea.add(f"{owner}/{body['name']}", **more)

    @on("GET", "/orgs/:org")
    async def organization(asked: Asked, org: str) -> Answer:
        if org not in gitea.organizations:
            raise RefusalError(404, _said("GetOrgByName"))
        return 200, {"id": 1, "name": org, "username": org, "full_name": "", "visibility": "public"}

    @on("POST", "/orgs/:org/repos")
    async def create_for_organization(asked: Asked, org: str) -> Answer:
        if org not in gitea.organizations:
            raise RefusalError(404, _said("GetOrgByName"))
        if org == "closed":
            raise RefusalError(403, _said("Given user is not allowed to create repository in organization."))
        return await create(org, asked.body)

    @on("POST", "/user/repos")
    async def create_for_user(asked: Asked) -> Answer:
        return await create("ada", asked.body)

    @on("GET", "/repos/:owner/:name")
    async def show(asked: Asked, owner: str, name: str) -> Answer:
        return 200, gitea.repository(owner, name)

    @on("PATCH", "/repos/:owner/:name")
    async def edit(asked: Asked, owner: str, name: str) -> Answer:
        gitea.repository(owner, name).update(asked.body)
        return 200, gitea.repository(owner, name)

    @on("GET", "/repos/:owner/:name/branches/:branch")
    async def branch(asked: Asked, owner: str, name: str, branch: str) -> Answer:
        bare = gitea.base.bare(gitea.repository(owner, name)["full_name"])
        commit = await refs.commit_of(bare, f"refs/heads/{branch}")
        if commit is None:
            raise RefusalError(404, _said("branch does not exist", errors=[]))
        return 200, {"name": branch, "commit": {"id": commit, "message": ""}, "protected": False}

    @on("GET", "/:owner/:name/src/branch/:branch")
    async def page(asked: Asked, owner: str, name: str, branch: str) -> Answer:
        return 200, {}

    _requests(gitea, on)
    return found


def _requests(gitea: Gitea, on: Callable[[str, str], Callable[[Handler], Handler]]) -> None:
    def book(kind: str, owner: str, name: str) -> list[dict[str, Any]]:
        return gitea.known(kind, str(gitea.repository(owner, name)["full_name"]))

    @on("POST", "/repos/:owner/:name/pulls")
    async def open_request(asked: Asked, owner: str, name: str) -> Answer:
        known, bare = book("pulls", owner, name), gitea.base.bare(f"{owner}/{name}")
        heads = {end: await refs.commit_of(bare, f"refs/heads/{asked.body[end]}") for end in ("head", "base")}
        if any((one["head"]["ref"], one["base"]["ref"]) == (asked.body["head"], asked.body["base"]) for one in known):
            raise RefusalError(409, _said("pull request already exists for these targets"))
        ends = {end: {"ref": asked.body[end], "sha": sha, "label": asked.body[end]} for end, sha in heads.items()}
        number = len(known) + 1
        url = f"{gitea.base.url}/{owner}/{name}/pulls/{number}"
        more = {"number": number, "state": "open", "html_url": url, "user": _USER, "created_at": _NOW}
        known.insert(0, {"id": number, "title": asked.body["title"], "body": asked.body["body"], **ends, **more})
        return 201, known[0]

    @on("GET", "/repos/:owner/:name/pulls")
    async def requests(asked: Asked, owner: str, name: str) -> Answer:
        return _page(asked, book("pulls", owner, name))

    @on("GET", "/repos/:owner/:name/branch_protections/:rule")
    async def protection(asked: Asked, owner: str, name: str, rule: str) -> Answer:
        for one in book("protections", owner, name):
            if one["rule_name"] == rule:
                return 200, one
        raise RefusalError(404, _said("The target couldn't be found."))

    @on("POST", "/repos/:owner/:name/branch_protections")
    async def protect(asked: Asked, owner: str, name: str) -> Answer:
        known = book("protections", owner, name)
        if any(one["rule_name"] == asked.body["rule_name"] for one in known):
            raise RefusalError(403, _said("Branch protection already exist"))
        known.append({"branch_name": asked.body["rule_name"], **asked.body})
        return 201, known[-1]

    @on("PATCH", "/repos/:owner/:name/branch_protections/:rule")
    async def edit_protection(asked: Asked, owner: str, name: str, rule: str) -> Answer:
        [found] = [one for one in book("protections", owner, name) if one["rule_name"] == rule]
        found.update(asked.body)
        return 200, found

    @on("POST", "/repos/:owner/:name/hooks")
    async def add_hook(asked: Asked, owner: str, name: str) -> Answer:
        known = book("hooks", owner, name)
        known.append({"id": len(known) + 1, **asked.body})
        return 201, _shown(known[-1])

    @on("GET", "/repos/:owner/:name/hooks")
    async def hooks(asked: Asked, owner: str, name: str) -> Answer:
        return _page(asked, [_shown(one) for one in book("hooks", owner, name)])

    @on("PATCH", "/repos/:owner/:name/hooks/:hook")
    async def edit_hook(asked: Asked, owner: str, name: str, hook: str) -> Answer:
        found = book("hooks", owner, name)[int(hook) - 1]
        found.update(asked.body)
        return 200, _shown(found)


def _shown(hook: dict[str, Any]) -> dict[str, Any]:
    return {**hook, "config": {name: value for name, value in hook["config"].items() if name != "secret"}}


def _page(asked: Asked, items: list[Any]) -> Answer:
    size, page = int(asked.query.get("limit", 30)), int(asked.query.get("page", 1))
    return 200, items[(page - 1) * size : page * size]


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Gitea]:
    """A Gitea with the user ``ada``, whose password is the stand-in's token."""
    kept: list[Gitea] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Gitea(base))
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
