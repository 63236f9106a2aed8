"""The part of Bitbucket Server's API that Backstage's module and this project use, in memory, over real repositories.

Shapes and refusals follow Atlassian's documentation of the REST API 1.0 of Data Center.
"""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.sandbox.gitrepo import refs
from tests.forges import stand_in
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError, Route, StandIn

PREFIX = re.compile("/rest/(?:api/1.0)?")
_HERE = "/projects/:project/repos/:name"


@dataclass
class Server:
    """Repositories and what belongs to them."""

    base: StandIn
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def add(self, project: str, name: str, *, branch: str = "master", files: Any = None, **more: Any) -> Any:
        stored = f"scm/{project}/{name}"
        if self.base.find(stored) is None:
            await self.base.repository(stored, branch=branch, files=files)
        url = self.base.url
        self.repositories[f"{project}/{name}"] = {
            "slug": name,
            "defaultBranch": branch,
            "project": {"key": project},
            "links": {
                "clone": [
                    {"name": "ssh", "href": f"ssh://git@server/{project}/{name}.git"},
                    {"name": "http", "href": f"{url}/{stored}.git"},
                ],
                "self": [{"href": f"{url}/projects/{project}/repos/{name}/browse"}],
            },
            **more,
        }
        return self.repositories[f"{project}/{name}"]

    def known(self, kind: str) -> list[dict[str, Any]]:
        return self.things.setdefault(kind, [])

    def repository(self, project: str, name: str) -> dict[str, Any]:
        full = f"{project}/{name}"
        if full not in self.repositories or self.base.find(f"scm/{full}") is None:
            raise refusal(404, f"Repository {full} does not exist.", "NoSuchRepositoryException")
        return self.repositories[full]

    def bare(self, project: str, name: str) -> Any:
        self.repository(project, name)
        return self.base.bare(f"scm/{project}/{name}")


def refusal(status: int, message: str, kind: str) -> RefusalError:
    one = {"context": None, "message": message, "exceptionName": f"com.atlassian.bitbucket.{kind}"}
    return RefusalError(status, {"errors": [one]})


def guard(_base: StandIn, asked: Asked) -> None:
    """Take any token and password: ``expired`` is expired, and ``weak`` may only read."""
    scheme, _, given = asked.headers.get("authorization", "").partition(" ")
    secret = base64.b64decode(given).decode().partition(":")[2] if scheme == "Basic" else given
    if not secret or secret == "expired":
        said = "Authentication failed. Please check your credentials and try again."
        raise refusal(401, said, "auth.IncorrectPasswordAuthenticationException")
    if secret == "weak" and asked.method != "GET":
        raise refusal(403, "You are not permitted to access this resource", "AuthorisationException")


def paged(asked: Asked, items: list[Any]) -> Answer:
    size, start = int(asked.query.get("limit", 25)), int(asked.query.get("start", 0))
    kept = items[start : start + size]
    is_last = start + size >= len(items)
    more = {} if is_last else {"nextPageStart": start + size}
    return 200, {"values": kept, "size": len(kept), "limit": size, "isLastPage": is_last, "start": start, **more}


def routes(server: Server) -> list[Route]:
    found: list[Route] = []
    on = stand_in.adding(found)
    _repositories(server, on)
    _branches(server, on)
    _requests(server, on)
    _things(server, on)
    return found


def _repositories(server: Server, on: Adding) -> None:
    @on("POST", "/projects/:project/repos")
    async def create(asked: Asked, project: str) -> Answer:
        name = asked.body["name"]
        if server.base.find(f"scm/{project}/{name}"):
            said = f"This repository URL is already taken by '{name}'."
            raise refusal(409, said, "repository.RepositoryAlreadyExistsException")
        if project == "NONE":
            raise refusal(404, "Project NONE does not exist.", "project.NoSuchProjectException")
        branch = asked.body.get("defaultBranch", "master")
        made = await server.add(project, name, branch=branch)
        made.update(asked.body)
        return 201, made

    @on("GET", _HERE)
    async def show(asked: Asked, project: str, name: str) -> Answer:
        return 200, server.repository(project, name)

    @on("PUT", _HERE)
    async def edit(asked: Asked, project: str, name: str) -> Answer:
        server.repository(project, name).update(asked.body)
        return 200, server.repository(project, name)

    @on("PUT", f"/git-lfs/admin{_HERE}/enabled")
    async def large_files(asked: Asked, project: str, name: str) -> Answer:
        server.repository(project, name)["lfs"] = True
        return 204, None


def _branches(server: Server, on: Adding) -> None:
    def shown(name: str, commit: str) -> dict[str, Any]:
        return {"id": f"refs/heads/{name}", "displayId": name, "type": "BRANCH", "latestCommit": commit}

    @on("GET", f"{_HERE}/branches")
    async def branches(asked: Asked, project: str, name: str) -> Answer:
        known = [shown(one.short, one.sha) for one in await refs.listing(server.bare(project, name))]
        return paged(asked, [one for one in known if asked.query.get("filterText", "") in one["displayId"]])

    @on("GET", f"{_HERE}/default-branch")
    async def default(asked: Asked, project: str, name: str) -> Answer:
        branch = server.repository(project, name)["defaultBranch"]
        return 200, {"id": f"refs/heads/{branch}", "displayId": branch, "type": "BRANCH"}

    @on("POST", f"{_HERE}/branches")
    async def create(asked: Asked, project: str, name: str) -> Answer:
        bare, branch = server.bare(project, name), asked.body["name"]
        if await refs.commit_of(bare, f"refs/heads/{branch}"):
            said = f"Branch '{branch}' already exists."
            raise refusal(409, said, "repository.ref.DuplicateRefException")
        await refs.move(bare, f"refs/heads/{branch}", asked.body["startPoint"], None)
        return 200, shown(branch, asked.body["startPoint"])


def _requests(server: Server, on: Adding) -> None:
    @on("POST", f"{_HERE}/pull-requests")
    async def open_request(asked: Asked, project: str, name: str) -> Answer:
        known = server.known(f"requests {project}/{name}")
        source, target = asked.body["fromRef"]["id"], asked.body["toRef"]["id"]
        if any((one["fromRef"]["id"], one["toRef"]["id"]) == (source, target) for one in known):
            said = "Only one pull request may be open for a given source and target branch"
            raise refusal(409, said, "pull.DuplicatePullRequestException")
        commit = await refs.commit_of(server.bare(project, name), source)
        number = len(known) + 1
        url = f"{server.base.url}/projects/{project}/repos/{name}/pull-requests/{number}"
        made = {**asked.body, "id": number, "fromRef": {"id": source, "latestCommit": commit}, "toRef": {"id": target}}
        known.append(made | {"links": {"self": [{"href": url}]}})
        return 201, known[-1]

    @on("GET", f"{_HERE}/pull-requests")
    async def requests(asked: Asked, project: str, name: str) -> Answer:
        known = server.known(f"requests {project}/{name}")
        return paged(asked, [one for one in known if one["fromRef"]["id"] == asked.query["at"]])


def _things(server: Server, on: Adding) -> None:
    @on("POST", f"{_HERE}/webhooks")
    async def hook(asked: Asked, project: str, name: str) -> Answer:
        known = server.known(f"hooks {project}/{name}")
        known.append({**asked.body, "id": len(known) + 1})
        return 201, known[-1]

    @on("GET", f"{_HERE}/webhooks")
    async def hooks(asked: Asked, project: str, name: str) -> Answer:
        return paged(asked, server.known(f"hooks {project}/{name}"))

    @on("PUT", f"{_HERE}/webhooks/:number")
    async def edit_hook(asked: Asked, project: str, name: str, number: str) -> Answer:
        found = server.known(f"hooks {project}/{name}")[int(number) - 1]
        found.update(asked.body)
        return 200, found

    @on("POST", f"/branch-permissions/2.0{_HERE}/restrictions")
    async def restrict(asked: Asked, project: str, name: str) -> Answer:
        known = server.known(f"restrictions {project}/{name}")
        known[:] = [one for one in known if one["type"] != asked.body["type"]] + [asked.body]
        return 200, asked.body


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Server]:
    """A Bitbucket Server whose token is known."""
    kept: list[Server] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Server(base))
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
