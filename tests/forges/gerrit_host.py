"""The part of Gerrit's REST API that Backstage's module and this project use, in memory, over real repositories.

Shapes follow Gerrit's documentation: ``)]}'`` before each JSON, refusals as plain text. What is pushed to ``refs/for``
becomes a change, known by the ``Change-Id`` of its commit.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backstage_py.sandbox.gitrepo import objects, refs
from tests.forges import stand_in
from tests.forges.stand_in import Answer, Asked, Handler, RefusalError, Route, StandIn

PREFIX = re.compile(r"/a(?=/(?:projects|changes|config)/)")
_CHANGE = re.compile(r"^Change-Id: (I[0-9a-f]{40})$", re.MULTILINE)
_FOR = "refs/for/"


@dataclass
class Gerrit:
    """Projects and changes. A project's repository lies below ``a/``, as in the URLs that git writes to."""

    base: StandIn
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    webhooks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    async def add(self, name: str, *, branch: str = "master", files: Any = None, **more: Any) -> dict[str, Any]:
        await self.base.repository(f"a/{name}", branch=branch, files=files)
        self.projects[name] = {"id": name.replace("/", "%2F"), "name": name, "state": "ACTIVE", **more}
        return self.projects[name]

    def project(self, name: str) -> dict[str, Any]:
        if name in self.projects and self.base.find(f"a/{name}"):
            return self.projects[name]
        raise RefusalError(404, f"Not found: {name}")

    async def take_in(self) -> None:
        """Make a change of each commit that was pushed to ``refs/for``."""
        for name in [*self.projects]:
            if not self.base.find(f"a/{name}"):
                continue
            bare = self.base.bare(f"a/{name}")
            for ref in await refs.listing(bare, _FOR):
                commit = await objects.read_commit(bare, ref.sha)
                [change] = _CHANGE.findall(commit.message)
                await bare.run("update-ref", "-d", ref.name)
                number = len(self.changes) + 1
                await bare.run("update-ref", f"refs/changes/{number:02}/{number}/1", ref.sha)
                self.changes.append(
                    {
                        "id": f"{name}~{number}",
                        "_number": number,
                        "project": name,
                        "branch": ref.name.removeprefix(_FOR),
                        "change_id": change,
                        "subject": commit.message.split("\n")[0],
                        "status": "NEW",
                        "current_revision": ref.sha,
                    }
                )


def guard(base: StandIn, asked: Asked) -> None:
    """Refuse who brings no HTTP password that is known."""
    try:
        known = base.host.tokens.login(asked.headers.get("authorization"))
    except PermissionError:
        known = None
    if known is None:
        raise RefusalError(401, "Unauthorized")


def routes(gerrit: Gerrit) -> list[Route]:
    """What is answered."""
    found: list[Route] = []

    def on(method: str, path: str) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            found.append(Route(method, path, handler))
            return handler

        return add

    @on("PUT", "/projects/:name")
    async def create(asked: Asked, name: str) -> Answer:
        if gerrit.base.find(f"a/{name}"):
            raise RefusalError(409, "Project already exists")
        if asked.body["parent"] == "nowhere":
            raise RefusalError(422, "Unprocessable Entity: parent project nowhere not found")
        more = {key: asked.body[key] for key in ("parent", "description") if asked.body.get(key)}
        return 201, await gerrit.add(name, branch=asked.body["branches"][0], owners=asked.body["owners"], **more)

    @on("GET", "/projects/:name")
    async def show(asked: Asked, name: str) -> Answer:
        return 200, gerrit.project(name)

    @on("PUT", "/projects/:name/description")
    async def describe(asked: Asked, name: str) -> Answer:
        gerrit.project(name)["description"] = asked.body["description"]
        return (200, asked.body["description"]) if asked.body["description"] else (204, None)

    @on("POST", "/projects/:name/access")
    async def access(asked: Asked, name: str) -> Answer:
        gerrit.project(name).setdefault("access", {}).update(asked.body["add"])
        return 200, {"local": gerrit.project(name)["access"]}

    @on("GET", "/changes")
    async def changes(asked: Asked) -> Answer:
        return 200, [one for one in gerrit.changes if _is_meant(one, asked.query["q"])]

    @on("POST", "/changes")
    async def propose(asked: Asked) -> Answer:
        number = len(gerrit.changes) + 1
        made = {"id": f"{asked.body['project']}~{number}", "_number": number, "status": "NEW", **asked.body}
        gerrit.changes.append(made)
        return 201, made

    @on("PUT", "/config/server/webhooks~projects/:name/remotes/:hook")
    async def add_hook(asked: Asked, name: str, hook: str) -> Answer:
        gerrit.webhooks[name, hook] = dict(asked.body)
        return 201, asked.body

    @on("GET", "/config/server/webhooks~projects/:name/remotes/:hook")
    async def hook(asked: Asked, name: str, hook: str) -> Answer:
        if (name, hook) not in gerrit.webhooks:
            raise RefusalError(404, f"Not found: {hook}")
        return 200, gerrit.webhooks[name, hook]

    return found


_FIELDS = {"change": "change_id", "commit": "current_revision"}


def _is_meant(change: dict[str, Any], query: str) -> bool:
    terms: dict[str, str] = dict(re.findall(r'(\w+):"?([^" ]+)"?', query))
    open_only = terms.pop("status", None) == "open"
    return all(change.get(_FIELDS.get(name, name)) == value for name, value in terms.items()) and (
        not open_only or change["status"] == "NEW"
    )


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Gerrit]:
    """A Gerrit with the user ``ada``, whose HTTP password is the stand-in's token."""
    kept: list[Gerrit] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Gerrit(base))
        base.before_json, base.take_in = ")]}'\n", kept[0].take_in
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
