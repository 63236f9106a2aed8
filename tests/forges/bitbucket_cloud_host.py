"""The part of Bitbucket Cloud's API that Backstage's module and this project use, in memory, over real repositories.

Shapes and refusals follow Atlassian's documentation of API version 2.0; commits of pull requests are abbreviated there.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.sandbox.gitrepo import refs
from tests.forges import stand_in
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError, Route, StandIn

PREFIX = "/2.0"
_ABBREVIATED = 12


@dataclass
class Cloud:
    """Repositories and what belongs to them."""

    base: StandIn
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def add(self, full_name: str, *, files: Any = None, branch: str = "master", **more: Any) -> dict[str, Any]:
        if self.base.find(full_name) is None:
            await self.base.repository(full_name, branch=branch, files=files)
        url = f"{self.base.url}/{full_name}"
        self.repositories[full_name] = {
            "type": "repository",
            "full_name": full_name,
            "mainbranch": {"type": "branch", "name": branch},
            "links": {
                "html": {"href": url},
                "clone": [
                    {"name": "https", "href": f"{url.replace('://', '://ada@')}.git"},
                    {"name": "ssh", "href": f"git@bitbucket.org:{full_name}.git"},
                ],
            },
            **more,
        }
        return self.repositories[full_name]

    def known(self, kind: str) -> list[dict[str, Any]]:
        return self.things.setdefault(kind, [])

    def repository(self, workspace: str, name: str) -> dict[str, Any]:
        full = f"{workspace}/{name}"
        if full not in self.repositories or self.base.find(full) is None:
            raise refusal(404, f"Repository {full} not found")
        return self.repositories[full]


def refusal(status: int, message: str, **more: Any) -> RefusalError:
    return RefusalError(status, {"type": "error", "error": {"message": message, **more}})


def guard(base: StandIn, asked: Asked) -> None:
    """Take any token and password: ``expired`` is expired, and ``weak`` may only read."""
    scheme, _, given = asked.headers.get("authorization", "").partition(" ")
    secret = base64.b64decode(given).decode().partition(":")[2] if scheme == "Basic" else given
    if asked.path[:2] == ("site", "oauth2"):
        return
    if not secret or secret == "expired":
        raise refusal(401, "Token is invalid, expired, or not supported for this endpoint.")
    if secret == "weak" and asked.method != "GET":
        scopes = {"granted": ["repository"], "required": ["repository:write", "pullrequest:write"]}
        raise refusal(403, "Your credentials lack one or more required privilege scopes.", detail=scopes)


def paged(asked: Asked, items: list[Any]) -> Answer:
    size, page = int(asked.query.get("pagelen", 10)), int(asked.query.get("page", 1))
    more = {"next": f"http://{asked.headers['host']}/next?page={page + 1}"} if page * size < len(items) else {}
    return 200, {"values": items[(page - 1) * size : page * size], "page": page, "pagelen": size, **more}


def routes(cloud: Cloud) -> list[Route]:
    found: list[Route] = []
    on = stand_in.adding(found)
    _repositories(cloud, on)
    _branches(cloud, on)
    _requests(cloud, on)
    _things(cloud, on)
    return found


def _repositories(cloud: Cloud, on: Adding) -> None:
    @on("GET", "/repositories/:workspace/:name")
    async def show(asked: Asked, workspace: str, name: str) -> Answer:
        return 200, cloud.repository(workspace, name)

    @on("POST", "/repositories/:workspace/:name")
    async def create(asked: Asked, workspace: str, name: str) -> Answer:
        full = f"{workspace}/{name}"
        if cloud.base.find(full):
            raise refusal(400, "Repository with this Slug and Owner already exists.")
        if workspace == "nobody":
            raise refusal(404, "No workspace with identifier 'nobody'.")
        return 200, await cloud.add(full, **asked.body)

    @on("PUT", "/repositories/:workspace/:name")
    async def edit(asked: Asked, workspace: str, name: str) -> Answer:
        cloud.repository(workspace, name).update(asked.body)
        return 200, cloud.repository(workspace, name)


def _branches(cloud: Cloud, on: Adding) -> None:
    def bare(workspace: str, name: str) -> Any:
        return cloud.base.bare(cloud.repository(workspace, name)["full_name"])

    def shown(name: str, commit: str) -> dict[str, Any]:
        return {"type": "branch", "name": name, "target": {"type": "commit", "hash": commit}}

    @on("GET", "/repositories/:workspace/:name/refs/branches")
    async def branches(asked: Asked, workspace: str, name: str) -> Answer:
        wanted = asked.query.get("q", "").partition(" = ")[2].strip('"')
        known = [shown(one.short, one.sha) for one in await refs.listing(bare(workspace, name))]
        return paged(asked, [one for one in known if wanted in {"", one["name"]}])

    @on("POST", "/repositories/:workspace/:name/refs/branches")
    async def create(asked: Asked, workspace: str, name: str) -> Answer:
        repository, branch, start = bare(workspace, name), asked.body["name"], asked.body["target"]["hash"]
        commit = await refs.commit_of(repository, f"refs/heads/{start}") or await refs.commit_of(repository, start)
        if commit is None:
            raise refusal(400, f"target.hash: Not a valid commit: {start}")
        if await refs.commit_of(repository, f"refs/heads/{branch}"):
            raise refusal(400, f'Branch "{branch}" already exists.', data={"key": "BRANCH_ALREADY_EXISTS"})
        await refs.move(repository, f"refs/heads/{branch}", commit, None)
        return 201, shown(branch, commit)


def _requests(cloud: Cloud, on: Adding) -> None:
    @on("POST", "/repositories/:workspace/:name/pullrequests")
    async def open_request(asked: Asked, workspace: str, name: str) -> Answer:
        repository = cloud.repository(workspace, name)
        bare, known = cloud.base.bare(repository["full_name"]), cloud.known(f"requests {repository['full_name']}")
        source, target = (asked.body[one]["branch"]["name"] for one in ("source", "destination"))
        commit = await refs.commit_of(bare, f"refs/heads/{source}")
        base = await refs.commit_of(bare, f"refs/heads/{target}")
        if base is None:
            raise refusal(400, "destination branch not found", fields={"destination": [f"branch not found: {target}"]})
        if commit is None or commit == base:
            raise refusal(400, "There are no changes to be pulled")
        number = len(known) + 1
        url = f"{repository['links']['html']['href']}/pull-requests/{number}"
        known.append(
            {
                **asked.body,
                "id": number,
                "source": {"branch": {"name": source}, "commit": {"hash": commit[:_ABBREVIATED]}},
                "links": {"html": {"href": url}},
            }
        )
        return 201, known[-1]

    @on("GET", "/repositories/:workspace/:name/pullrequests")
    async def requests(asked: Asked, workspace: str, name: str) -> Answer:
        known = cloud.known(f"requests {cloud.repository(workspace, name)['full_name']}")
        return paged(asked, [one for one in known if f'"{one["source"]["branch"]["name"]}"' in asked.query["q"]])


def _things(cloud: Cloud, on: Adding) -> None:
    @on("POST", "/repositories/:workspace/:name/pipelines")
    async def run(asked: Asked, workspace: str, name: str) -> Answer:
        repository = cloud.repository(workspace, name)
        if not (asked.body or {}).get("target"):
            raise refusal(400, "Bad request", detail="You need to specify a target")
        known = cloud.known(f"pipelines {repository['full_name']}")
        known.append({**asked.body, "build_number": len(known) + 1, "repository": repository})
        return 201, known[-1]

    @on("POST", "/repositories/:workspace/:name/branch-restrictions")
    async def restrict(asked: Asked, workspace: str, name: str) -> Answer:
        known = cloud.known(f"restrictions {cloud.repository(workspace, name)['full_name']}")
        known.append({"pattern": "", **asked.body, "id": len(known) + 1})
        return 201, known[-1]

    @on("GET", "/repositories/:workspace/:name/branch-restrictions")
    async def restrictions(asked: Asked, workspace: str, name: str) -> Answer:
        known = cloud.known(f"restrictions {cloud.repository(workspace, name)['full_name']}")
        return paged(asked, [one for one in known if asked.query.get("kind") in {None, one["kind"]}])

    @on("POST", "/repositories/:workspace/:name/hooks")
    async def hook(asked: Asked, workspace: str, name: str) -> Answer:
        known = cloud.known(f"hooks {cloud.repository(workspace, name)['full_name']}")
        known.append({**asked.body, "uuid": f"{{{len(known) + 1}}}"})
        return 201, known[-1]

    @on("GET", "/repositories/:workspace/:name/hooks")
    async def hooks(asked: Asked, workspace: str, name: str) -> Answer:
        return paged(asked, cloud.known(f"hooks {cloud.repository(workspace, name)['full_name']}"))

    @on("PUT", "/repositories/:workspace/:name/hooks/:uuid")
    async def edit_hook(asked: Asked, workspace: str, name: str, uuid: str) -> Answer:
        for one in cloud.known(f"hooks {cloud.repository(workspace, name)['full_name']}"):
            if one["uuid"] == uuid:
                one.update(asked.body)
                return 200, one
        raise refusal(404, "Webhook not found")

    @on("GET", "/workspaces")
    async def workspaces(asked: Asked) -> Answer:
        return paged(asked, [{"slug": one} for one in sorted({name.split("/")[0] for name in cloud.repositories})])

    @on("GET", "/workspaces/:workspace/projects")
    async def projects(asked: Asked, workspace: str) -> Answer:
        return paged(asked, cloud.known(f"projects {workspace}"))

    @on("GET", "/repositories/:workspace")
    async def listed(asked: Asked, workspace: str) -> Answer:
        project = asked.query.get("q", "").partition("=")[2].strip('"')
        kept = [
            {"slug": name.partition("/")[2]}
            for name, one in cloud.repositories.items()
            if name.startswith(f"{workspace}/") and project in {"", (one.get("project") or {}).get("key")}
        ]
        return paged(asked, kept)


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Cloud]:
    """A Bitbucket Cloud whose token is known."""
    kept: list[Cloud] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Cloud(base))
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
